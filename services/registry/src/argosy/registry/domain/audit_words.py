"""Which types of audit events may be asked for: those that are logged here, and OpenAI's others.

A client that is written for OpenAI asks for logins too; there are none here, so it finds nothing. A
word that neither knows is a mistake, and is told as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from argosy.registry.domain.accounts_audit import AuditType
from argosy.registry.domain.rules import RuleBroken

# What OpenAI logs beside ours: of what, and what became of it.
_OPENAIS: Final = {
    "certificate": "created updated deleted",
    "certificates": "activated deactivated",
    "external_key": "registered removed",
    "external_storage": "registered removed",
    "group": "created updated deleted",
    "ip_allowlist": "created updated deleted",
    "ip_allowlist.config": "activated deactivated",
    "login": "succeeded failed",
    "logout": "succeeded failed",
    "project": "deleted",
    "rate_limit": "deleted",
    "resource": "deleted",
    "tunnel": "created updated deleted",
    "workload_identity_provider": "created updated deleted",
    "workload_identity_provider_mapping": "created updated deleted",
    "role": "created updated deleted bound_to_resource unbound_from_resource",
    "role.assignment": "created deleted",
    "scim": "enabled disabled",
    "tenant.metadata": "updated",
    "tenant.microsoft_entra_mapping": "upserted deleted",
    "tenant.workload_identity.provider": "created updated archived",
    "tenant.workload_identity.mapping": "created updated archived",
    "tenant.workload_identity.binding": "created",
    "tenant.workload_identity.principal": "provisioned",
    "tenant.workload_identity.access_token": "issued",
    "tenant.admin_api_key": "created updated deleted",
    "tenant.project_api_key": "created",
    "tenant.trusted_access.business_verification": "started",
    "tenant.trusted_access.application": "submitted",
    "tenant.chatgpt_access_token": "revoked",
    "tenant.migration": "completed",
    "tenant.sso": "migrated",
    "tenant.domains": "migrated",
    "tenant.sso_connection": "created updated deleted",
    "tenant.sso_connection.setup": "started",
    "tenant.policy": "created updated deleted attached detached",
    "tenant.principal_authentication_policy": "resolved",
    "tenant.scim.setup": "started",
    "tenant.scim.deletion": "requested",
    "tenant.scim.directory": "created",
    "tenant.product_access_policy": "updated",
    "tenant.resource_share_grant": "created updated accepted declined revoked deleted",
    "tenant.service_account": "updated deleted",
    "tenant.service_account.token": "revoked",
    "tenant.billing.overage_limit": "updated",
    "tenant.billing.alerts": "updated",
    "tenant.billing.info": "updated",
    "tenant.usage_limit.workspace": "updated",
    "tenant.usage_limit.group": "updated",
    "tenant.usage_limit.user": "updated",
    "tenant.usage_limit.increase_request": "updated resolved",
    "tenant.group": "created updated deleted",
    "tenant.group.member": "added removed",
    "tenant.migration_rollout.status": "updated",
    "tenant.migration_rollout.tier": "updated",
    "tenant.role.metadata": "updated",
    "tenant.custom_role": "created updated deleted",
    "tenant.role_assignment": "created deleted",
    "tenant.resource_role_assignment": "created deleted",
    "tenant.resource_access": "updated deleted",
    "tenant.ads_account.onboarding": "redemption",
    "tenant.session_policy": "created updated deleted",
    "tenant.session_revocation": "started",
    "tenant.third_party_app_policy": "updated",
    "tenant.user": "added updated removed looked_up invited",
    "tenant.membership": "revoked accepted declined",
    "tenant.api_organization_invite": "upserted deleted",
    "tenant.chatgpt_workspace_invite": "upserted",
    "tenant.workspace_invite_email_settings": "updated",
}
KNOWN: Final = frozenset(AuditType) | {
    f"{what}.{happened}" for what, words in _OPENAIS.items() for happened in words.split()
}


def check_types(words: Iterable[str]) -> None:
    """Raise RuleBroken for a word that is no type of any event."""
    for word in words:
        if word not in KNOWN:
            raise RuleBroken(
                f"Invalid value for 'event_types': '{word}' is no type of audit event. These are "
                f"logged here, see docs/accounts.md: {', '.join(AuditType)}.",
                param="event_types",
                code="invalid_value",
            )
