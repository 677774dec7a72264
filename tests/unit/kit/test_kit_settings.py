"""Settings: addresses are read strictly, secrets never show, nothing can be changed."""

import pytest
from argosy.kit.settings import DatabaseSettings, HostPort, ServiceSettings
from pydantic import ValidationError

BASE = {
    "ARGOSY_BIND": "127.0.0.1:8000",
    "ARGOSY_HEALTH_BIND": ":9000",
    "ARGOSY_SERVICE_TOKEN": "canary-token",
    "ARGOSY_DATABASE_URL": "postgresql://a:canary-password@h:1/d",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in BASE.items():
        monkeypatch.setenv(name, value)


def test_addresses() -> None:
    settings = ServiceSettings()
    assert settings.bind == HostPort("127.0.0.1", 8000)
    assert str(settings.health_bind) == "0.0.0.0:9000"


@pytest.mark.parametrize("wrong", ["8000", "host", "host:", "host:x", "host:70000", ""])
def test_a_wrong_address_says_how_to_write_it(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGOSY_BIND", wrong)
    with pytest.raises(ValidationError) as caught:
        ServiceSettings()
    assert "bind" in str(caught.value)
    assert not wrong or "write host:port" in str(caught.value)


def test_secrets_are_redacted_and_settings_frozen() -> None:
    settings = DatabaseSettings()
    assert "canary" not in repr(settings) + str(settings) + str(settings.model_dump_json())
    with pytest.raises(ValidationError):
        settings.log_level = "debug"  # type: ignore[misc]
