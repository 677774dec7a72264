"""With certificates in the settings, services prove who they are to each other."""

from pathlib import Path

import grpc
import pytest
import trustme
from argosy.api.embedder.v1 import embedder_pb2 as pb
from argosy.api.embedder.v1 import embedder_pb2_grpc as pb_grpc
from argosy.kit import errors, rpc, rpc_server
from argosy.kit.health import Health
from argosy.kit.processes import free_port
from argosy.kit.settings import ServiceSettings


class Servicer(pb_grpc.EmbeddingServiceServicer):
    async def Embed(self, request: pb.EmbedRequest, context: object) -> pb.EmbedResponse:
        return pb.EmbedResponse(prompt_tokens=1)


def _settings(folder: Path, authority: trustme.CA, trusted: trustme.CA) -> ServiceSettings:
    """A process whose certificate `authority` signed and that believes `trusted`."""
    folder.mkdir()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    trusted.cert_pem.write_to_path(folder / "ca.pem")
    return ServiceSettings.model_validate(
        {
            "bind": f"127.0.0.1:{free_port()}",
            "health_bind": "127.0.0.1:1",
            "service_token": "right",
            "tls_cert_file": folder / "cert.pem",
            "tls_key_file": folder / "key.pem",
            "tls_ca_file": folder / "ca.pem",
        }
    )


async def _call(target: str, caller: ServiceSettings) -> int:
    async with rpc.channel(target, caller) as channel:
        with rpc.calling("embedder"):
            answer = await pb_grpc.EmbeddingServiceStub(channel).Embed(pb.EmbedRequest(), timeout=3)
        return answer.prompt_tokens


async def test_only_a_peer_with_a_trusted_certificate_is_served(tmp_path: Path) -> None:
    ours, theirs = trustme.CA(), trustme.CA()
    server = _settings(tmp_path / "server", ours, ours)
    health = Health()

    def register(grpc_server: grpc.aio.Server) -> None:
        pb_grpc.add_EmbeddingServiceServicer_to_server(Servicer(), grpc_server)

    async with rpc_server.serving(server, health, register, []):
        target = str(server.bind)
        assert await _call(target, _settings(tmp_path / "peer", ours, ours)) == 1
        # The right token does not help without the right certificate.
        stranger = _settings(tmp_path / "stranger", theirs, ours)
        with pytest.raises(errors.Unavailable):
            await _call(target, stranger)
        plain = stranger.model_copy(update={"tls_cert_file": None})
        with pytest.raises(errors.Unavailable):
            await _call(target, plain)
