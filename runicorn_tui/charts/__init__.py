"""Line charts as styled text: pure functions, no widget."""
