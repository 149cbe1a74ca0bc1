"""Opening the place that a setting or a person names: a path on this machine, or an address in an object store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from outcamp.core.errors import NotSupportedYet, UsageError
from outcamp.core.places import Address, Place, address_of

if TYPE_CHECKING:
    from outcamp.segments.drivers import Target
    from outcamp.store.object_stores import Account

# Knows what an Airflow connection says.
TargetOf = Callable[[str], "Target"]
Opens = Callable[[Path | Address], Place]

_OF_S3 = "aws"
_OF_GS = "google_cloud_platform"


def named_place(text: str, what: str, home: Path | None = None) -> Path | Address:
    """Return what a text names; a path begins at ``home``, or where the command was called. ``what`` says it, for errors."""
    return address_of(text, what) or (home or Path()) / text


def place_in(environment: Mapping[str, str], name: str, default: Path) -> Path | Address:
    """Return the place that a variable of the environment names, or the default."""
    found = named_place(environment.get(name) or str(default), name)
    return found.expanduser().resolve() if isinstance(found, Path) else found


def opener(target_of: TargetOf) -> Opens:
    """Return what opens places, with the connections that this function knows."""

    def opens(named: Path | Address) -> Place:
        if isinstance(named, Path):
            return named
        # pyarrow is slow to load, and most deployments read from disks.
        from outcamp.store.object_stores import Account, open_address

        account = Account() if named.connection is None else account_of(target_of(named.connection), named.scheme)
        return open_address(named, account)

    return opens


def account_of(target: Target, scheme: str) -> Account:
    """Return the account that a connection names, in the words of Airflow's own providers of Amazon and of Google."""
    wanted = _OF_S3 if scheme == "s3" else _OF_GS
    if target.kind != wanted:
        problem = f"The connection {target.name!r} is of the type {target.kind!r}; {scheme}:// is reached over one of the type {wanted}."
        raise UsageError(problem, next_step="Name such a connection before the @, or none: then the environment says whose the bucket is.")
    return _of_s3(target) if scheme == "s3" else _of_gs(target)


def _of_s3(target: Target) -> Account:
    from outcamp.store.object_stores import Account

    extra = target.options
    key_id = target.login or str(extra.get("aws_access_key_id") or "")
    if extra.get("assume_role_method", "assume_role") != "assume_role" or (extra.get("role_arn") and key_id):
        problem = f"The connection {target.name!r} takes on its role in a way that files are not reached by."
        raise NotSupportedYet(problem, next_step="Leave login and password out: the role is taken on by whom the environment names.")
    if extra.get("profile_name"):
        problem = f"The connection {target.name!r} names a profile, which files are not reached by."
        raise NotSupportedYet(problem, next_step="Set AWS_PROFILE in the environment and name no connection, or give login and password.")
    role_options, of_s3 = target.object_of("assume_role_kwargs"), target.object_of("service_config").get("s3") or {}
    return Account(
        key_id=key_id,
        secret=target.password or str(extra.get("aws_secret_access_key") or ""),
        token=extra.get("aws_session_token"),
        region=extra.get("region_name"),
        endpoint_url=of_s3.get("endpoint_url") or extra.get("endpoint_url"),
        role=extra.get("role_arn"),
        session=role_options.get("RoleSessionName"),
        external_id=role_options.get("ExternalId"),
    )


def _of_gs(target: Target) -> Account:
    from outcamp.store.object_stores import Account

    extra = target.options
    if any(extra.get(name) for name in ("key_path", "keyfile_dict", "key_secret_name", "credential_config_file")):
        problem = f"The connection {target.name!r} holds a key, which files are not reached by."
        raise NotSupportedYet(problem, next_step="Set GOOGLE_APPLICATION_CREDENTIALS to the path of the key and leave it out here.")
    return Account(
        endpoint_url=extra.get("endpoint_url"),
        role=extra.get("impersonation_chain"),
        anonymous=str(extra.get("is_anonymous", "")).lower() in {"true", "1"},
    )
