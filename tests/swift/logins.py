"""How a storage logs in: for each way, the settings that it needs at a Keystone."""


def v1(service):
    return {"AUTH_VERSION": "1"}


def v2(service):
    return {"AUTH_VERSION": "2", "TENANT_NAME": service.project.name}


def v2_ids(service):
    return {"AUTH_VERSION": "2.0", "OS_OPTIONS": {"tenant_id": service.project.id}}


def v3_names(service):
    return {
        "TENANT_NAME": service.project.name,
        "OS_OPTIONS": {
            "user_domain_name": service.user.domain.name,
            "project_domain_name": service.project.domain.name,
        },
    }


def v3_domain_ids(service):
    # without a domain of its own, the user is in the one with the id "default"
    options = {"project_name": service.project.name, "project_domain_id": service.project.domain.id}
    return {"AUTH_VERSION": "3", "OS_OPTIONS": options}


def v3_ids(service):
    return {"AUTH_VERSION": "v3", "OS_OPTIONS": {"user_id": service.user.id, "project_id": service.project.id}}


def v3_credential(service):
    options = {
        "auth_type": "v3applicationcredential",
        "application_credential_id": service.credential.id,
        "application_credential_secret": service.credential_secret,
    }
    return {"KEY": "(not used)", "OS_OPTIONS": options}


def v3_named_credential(service):
    options = {
        "application_credential_name": service.credential.name,
        "application_credential_secret": service.credential_secret,
        "user_domain_name": service.user.domain.name,
    }
    return {"KEY": "(not used)", "OS_OPTIONS": options}
