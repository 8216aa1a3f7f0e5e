from __future__ import annotations

import http.client
import json

from runicorn_api import docs_page
from runicorn_api.openapi import document
from tests.api.conftest import Client


def test_the_page_is_served_with_its_policy_and_obeys_the_guards(client: Client) -> None:
    connection = http.client.HTTPConnection(*client.address, timeout=10)
    connection.request("GET", "/docs", headers={"Accept": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == 200
    assert answer.getheader("Content-Type") == "text/html; charset=utf-8"
    assert answer.getheader("Content-Security-Policy") == docs_page.SECURITY_POLICY
    assert text == docs_page.page(document("1.2.3"))
    for path in ("/docs", "/openapi.json"):
        assert client.refusal("GET", path, headers={"Host": "evil.example"}, status=403) == "Host not allowed"
        assert client.refusal("GET", path, headers={"Origin": "http://evil.example"}, status=403)
        assert client.refusal("GET", f"{path}?x=1", status=400).startswith("Unknown parameter 'x'")
        assert client.request("POST", path).headers["allow"] == "GET, HEAD"


def test_the_document_is_served_as_it_is(client: Client) -> None:
    served = client.request("GET", "/openapi.json").json
    version = served["info"]["version"]
    assert served == json.loads(json.dumps(document(version)))
    assert version == client.get("/health")["version"]
