"""What a program that is written for Azure does with the Azure SDK for Python: it makes a registry, uses it and deletes
it. It prints what it saw, as JSON, for the test to judge."""

import hashlib
import io
import json
import os

from azure.containerregistry import ContainerRegistryClient
from azure.core.exceptions import ClientAuthenticationError, ResourceNotFoundError
from azure.identity import ClientSecretCredential, DefaultAzureCredential
from azure.mgmt.containerregistry import ContainerRegistryManagementClient

BASE = os.environ["BASE_URL"]
GROUP = os.environ["RESOURCE_GROUP"]
NAME = os.environ["REGISTRY"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"

seen = {}
credential = ClientSecretCredential(
    os.environ["AZURE_TENANT_ID"],
    os.environ["AZURE_CLIENT_ID"],
    os.environ["AZURE_CLIENT_SECRET"],
    authority=BASE,
    disable_instance_discovery=True,
)
management = ContainerRegistryManagementClient(
    credential, os.environ["SUBSCRIPTION"], base_url=BASE, credential_scopes=[BASE + "/.default"]
)
registries = management.registries
wanted = {"name": NAME, "type": "Microsoft.ContainerRegistry/registries"}
seen["free"] = registries.check_name_availability(wanted).name_available
body = {"location": "local", "sku": {"name": "Standard"}, "properties": {"adminUserEnabled": True}}
made = registries.begin_create(GROUP, NAME, body).result()
seen["state"] = made.provisioning_state
seen["taken"] = registries.check_name_availability(wanted).name_available
seen["sku"] = registries.begin_update(GROUP, NAME, {"sku": {"name": "Premium"}, "tags": {"a": "b"}}).result().sku.name
seen["tags"] = registries.get(GROUP, NAME).tags
seen["listed"] = NAME in [registry.name for registry in registries.list()]
seen["user"] = registries.list_credentials(GROUP, NAME).username
seen["passwords"] = len(registries.regenerate_credential(GROUP, NAME, {"name": "password2"}).passwords)
seen["usages"] = [usage.name for usage in registries.list_usages(GROUP, NAME).value]

endpoint = "https://" + made.login_server
audience = "https://containerregistry.azure.net"
client = ContainerRegistryClient(endpoint, credential, audience=audience)
repository = "team/app"
layer = os.urandom(5 << 20)
config = b"{}"
for blob in (layer, config):
    digest, size = client.upload_blob(repository, io.BytesIO(blob))
    assert digest == "sha256:" + hashlib.sha256(blob).hexdigest() and size == len(blob)


def descriptor(kind, content):
    return {"mediaType": kind, "digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}


manifest = {
    "schemaVersion": 2,
    "mediaType": MANIFEST,
    "config": descriptor("application/vnd.oci.image.config.v1+json", config),
    "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
}
digest = client.set_manifest(repository, manifest, tag="v1")
client.set_manifest(repository, manifest, tag="v2")
fetched = client.get_manifest(repository, "v1")
assert fetched.digest == digest and fetched.manifest == manifest
stream = client.download_blob(repository, manifest["layers"][0]["digest"])
assert b"".join(stream) == layer
seen["repositories"] = list(client.list_repository_names())
seen["repositoryTags"] = [tag.name for tag in client.list_tag_properties(repository)]
seen["size"] = [row.size_in_bytes for row in client.list_manifest_properties(repository)] == [len(layer) + len(config)]
locked = client.update_tag_properties(repository, "v1", can_write=False)
seen["locked"] = locked.can_write is False
client.update_tag_properties(repository, "v1", can_write=True)
seen["writable"] = client.update_repository_properties(repository, can_delete=True).can_delete
seen["manifestTags"] = client.get_manifest_properties(repository, digest).tags
client.delete_tag(repository, "v2")
seen["tagsLeft"] = client.get_repository_properties(repository).tag_count

anonymous = ContainerRegistryClient(endpoint, None, audience=audience)
try:
    list(anonymous.list_tag_properties(repository))
except ClientAuthenticationError:
    seen["anonymousRefused"] = True
registries.begin_update(GROUP, NAME, {"properties": {"anonymousPullEnabled": True}}).result()
seen["anonymousTags"] = [tag.name for tag in anonymous.list_tag_properties(repository)]

os.environ["AZURE_AUTHORITY_HOST"] = BASE
chain = DefaultAzureCredential(disable_instance_discovery=True)
again = ContainerRegistryClient(endpoint, chain, audience=audience)
again.delete_tag(repository, "v1")
seen["tagsGone"] = [tag.name for tag in again.list_tag_properties(repository)]
again.delete_manifest(repository, digest)
try:
    again.get_manifest(repository, digest)
except ResourceNotFoundError:
    seen["manifestGone"] = True
again.delete_repository(repository)
seen["repositoriesLeft"] = list(again.list_repository_names())
registries.begin_delete(GROUP, NAME).result()
try:
    registries.get(GROUP, NAME)
except ResourceNotFoundError as error:
    seen["gone"] = error.error.code
print(json.dumps(seen))
