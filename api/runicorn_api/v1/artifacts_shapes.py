"""What V1 answers of artifacts, field by field, and by what it is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from runicorn_api.contract import Parameter
from runicorn_api.forms import TEXT, integer
from runicorn_api.operation import Operation
from runicorn_api.shapes import Bytes, Count, Share, Time
from runicorn_db.lineage import MAX_DEPTH, MOST_NODES
from runicorn_db.sources.artifacts import MOST_POOLED

DEFAULT_DEPTH = 3

ARTIFACTS = "/api/artifacts"
VERSION = f"{ARTIFACTS}/{{artifact}}/v{{version}}"

_TYPE = Parameter(name="type", form=TEXT, role="filter", doc="Of this type, such as `model` or `dataset`.")
_ROOT = Parameter(name="root", form=TEXT, role="filter", doc="In the root of this name.")
_DEPTH = Parameter(
    name="max_depth",
    form=integer(1, MAX_DEPTH),
    role="answer",
    doc=f"Runs between this version and the farthest one that is told; otherwise {DEFAULT_DEPTH}.",
)

ARTIFACT_PARAMETERS = (_TYPE, _ROOT)
LINEAGE_PARAMETERS = (*ARTIFACT_PARAMETERS, _DEPTH)

Version = Annotated[int, Meta(ge=1)]
Aliases = Annotated[list[str], Meta(description="Names that mean this version now.")]


class ArtifactItem(Struct, forbid_unknown_fields=True):
    """Stored with versions by Runicorn 0.4 and 0.5, or archived by runs of 0.6 and later."""

    name: str
    type: str
    num_versions: Annotated[int, Meta(ge=1)]
    latest_version: Version
    size_bytes: Annotated[Bytes, Meta(description="Of the latest version.")]
    created_at: Time | None
    updated_at: Time | None
    aliases: Annotated[dict[str, Version], Meta(description="Name: the version that it means.")]
    root: Annotated[str, Meta(description="The name of the root that holds it.")]


class ArtifactVersionItem(Struct, forbid_unknown_fields=True):
    version: Version
    created_at: Time | None
    created_by_run: str | None
    size_bytes: Bytes
    num_files: Count
    status: str
    aliases: Aliases


class ArtifactVersionDetail(Struct, forbid_unknown_fields=True):
    name: str
    type: str
    version: Version
    created_at: Time | None
    updated_at: Time | None
    created_by_run: str | None
    created_by_user: str | None
    size_bytes: Bytes
    num_files: Count
    num_references: Count
    status: str
    metadata: dict[str, Any]
    description: str
    tags: list[str]
    aliases: Aliases
    manifest_digest: str | None
    root: str


class ArtifactFile(Struct, forbid_unknown_fields=True):
    path: str
    size: Bytes
    digest: str | None
    modified_at: Time | None
    absolute_path: Annotated[str | None, Meta(description="Null where no such file is.")]
    is_remote: Annotated[bool, Meta(extra_json_schema={"const": False})]


class ArtifactReference(Struct, forbid_unknown_fields=True):
    uri: str
    checksum: str | None
    size: Bytes | None
    metadata: dict[str, Any]


class ArtifactFiles(Struct, forbid_unknown_fields=True):
    artifact: str
    files: list[ArtifactFile]
    references: list[ArtifactReference]
    total_size: Bytes
    total_files: Count
    total_references: Count
    is_remote: Annotated[bool, Meta(extra_json_schema={"const": False})]


class LineageNode(Struct, forbid_unknown_fields=True):
    node_type: Literal["artifact", "run"]
    node_id: str
    label: str
    metadata: dict[str, Any]


class LineageEdge(Struct, forbid_unknown_fields=True):
    source: str
    target: str
    edge_type: Literal["uses", "produces"]
    created_at: Time | None


class ArtifactLineage(Struct, forbid_unknown_fields=True):
    root_artifact: str
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    is_complete: Annotated[bool, Meta(description=f"Whether {MOST_NODES} nodes were enough.")]


class ArtifactTypeStats(Struct, forbid_unknown_fields=True):
    count: Count
    versions: Count
    size_bytes: Bytes


class ArtifactStats(Struct, forbid_unknown_fields=True):
    total_artifacts: Count
    total_versions: Count
    total_size_bytes: Annotated[Bytes, Meta(description="Of all versions, with what they only refer to.")]
    total_files: Count
    by_type: dict[str, ArtifactTypeStats]
    dedup_enabled: bool
    dedup_pool_size_bytes: Annotated[Bytes, Meta(description="Of the files of stored versions, each counted once.")]
    space_saved_bytes: Bytes
    dedup_ratio: Annotated[Share, Meta(description="What is saved of what the files would need.")]
    runs: Annotated[Count, Meta(description="Runs in the index, those in the trash included.")]
    runs_read: Annotated[Count, Meta(description="The newest of them, whose files were looked at.")]
    is_complete: Annotated[bool, Meta(description=f"Whether no root's pool has more than {MOST_POOLED} files.")]


ARTIFACT_OPERATIONS = (
    Operation(
        name="listArtifacts",
        method="GET",
        path=ARTIFACTS,
        kind="other",
        summary="All artifacts, those first that changed last",
        parameters=ARTIFACT_PARAMETERS,
        answer=ArtifactItem,
        is_list=True,
    ),
    Operation(
        name="artifactStats",
        method="GET",
        path=f"{ARTIFACTS}/stats",
        kind="other",
        summary="How much the artifacts hold",
        answer=ArtifactStats,
    ),
    Operation(
        name="listArtifactVersions",
        method="GET",
        path=f"{ARTIFACTS}/{{artifact}}/versions",
        kind="other",
        summary="All versions of one artifact, the first one first",
        parameters=ARTIFACT_PARAMETERS,
        answer=ArtifactVersionItem,
        refusals=(404,),
        is_list=True,
    ),
    Operation(
        name="getArtifact",
        method="GET",
        path=VERSION,
        kind="other",
        summary="One version of an artifact",
        parameters=ARTIFACT_PARAMETERS,
        answer=ArtifactVersionDetail,
        refusals=(404,),
    ),
    Operation(
        name="listArtifactFiles",
        method="GET",
        path=f"{VERSION}/files",
        kind="other",
        summary="The files of one version, and what it refers to",
        parameters=ARTIFACT_PARAMETERS,
        answer=ArtifactFiles,
        refusals=(404,),
    ),
    Operation(
        name="getArtifactLineage",
        method="GET",
        path=f"{VERSION}/lineage",
        kind="other",
        summary="The runs and artifacts that one version comes from and went into",
        parameters=LINEAGE_PARAMETERS,
        answer=ArtifactLineage,
        refusals=(404,),
    ),
)
