// What a program that is written for Azure does with the Azure SDK for JavaScript: it makes a registry, uses it and
// deletes it. It prints what it saw, as JSON, for the test to judge.
"use strict";

const crypto = require("node:crypto");
const { ContainerRegistryManagementClient } = require("@azure/arm-containerregistry");
const { ContainerRegistryClient, ContainerRegistryContentClient } = require("@azure/container-registry");
const { ClientSecretCredential } = require("@azure/identity");

const { BASE_URL, RESOURCE_GROUP, REGISTRY, SUBSCRIPTION } = process.env;
const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } = process.env;
const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

async function all(pages) {
  const items = [];
  for await (const item of pages) items.push(item);
  return items;
}

async function main() {
  const seen = {};
  const credential = new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, {
    authorityHost: BASE_URL,
    disableInstanceDiscovery: true,
  });
  const management = new ContainerRegistryManagementClient(credential, SUBSCRIPTION, {
    endpoint: BASE_URL,
    credentialScopes: [`${BASE_URL}/.default`],
  });
  const { registries } = management;
  const wanted = { name: REGISTRY, type: "Microsoft.ContainerRegistry/registries" };
  seen.free = (await registries.checkNameAvailability(wanted)).nameAvailable;
  const body = { location: "local", sku: { name: "Standard" }, adminUserEnabled: true };
  const made = await registries.create(RESOURCE_GROUP, REGISTRY, body);
  seen.state = made.provisioningState;
  seen.taken = (await registries.checkNameAvailability(wanted)).nameAvailable;
  const updated = await registries.update(RESOURCE_GROUP, REGISTRY, { sku: { name: "Premium" }, tags: { a: "b" } });
  seen.sku = updated.sku.name;
  seen.tags = (await registries.get(RESOURCE_GROUP, REGISTRY)).tags;
  seen.listed = (await all(registries.list())).some((registry) => registry.name === REGISTRY);
  seen.user = (await registries.listCredentials(RESOURCE_GROUP, REGISTRY)).username;
  const renewed = await registries.regenerateCredential(RESOURCE_GROUP, REGISTRY, { name: "password2" });
  seen.passwords = renewed.passwords.length;
  seen.usages = (await registries.listUsages(RESOURCE_GROUP, REGISTRY)).value.map((usage) => usage.name);

  const endpoint = `https://${made.loginServer}`;
  const options = { audience: "https://containerregistry.azure.net" };
  const repository = "team/app";
  const content = new ContainerRegistryContentClient(endpoint, repository, credential, options);
  const layer = crypto.randomBytes(5 << 20);
  const config = Buffer.from("{}");
  const { digest: layerDigest } = await content.uploadBlob(layer);
  const { digest: configDigest } = await content.uploadBlob(config);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: configDigest, size: config.length },
    layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layerDigest, size: layer.length }],
  };
  const { digest } = await content.setManifest(manifest, { tag: "v1" });
  await content.setManifest(manifest, { tag: "v2" });
  if ((await content.getManifest("v1")).digest !== digest) throw new Error("the manifest has another digest");
  const { content: stream } = await content.downloadBlob(layerDigest);
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  if (!Buffer.concat(pieces).equals(layer)) throw new Error("the layer came back changed");

  const client = new ContainerRegistryClient(endpoint, credential, options);
  seen.repositories = await all(client.listRepositoryNames());
  const artifact = client.getArtifact(repository, digest);
  seen.repositoryTags = (await all(artifact.listTagProperties())).map((tag) => tag.name);
  const rows = await all(client.getRepository(repository).listManifestProperties());
  seen.size = rows.length === 1 && rows[0].sizeInBytes === layer.length + config.length;
  seen.locked = (await artifact.updateTagProperties("v1", { canWrite: false })).canWrite === false;
  await artifact.updateTagProperties("v1", { canWrite: true });
  seen.writable = (await client.getRepository(repository).updateProperties({ canDelete: true })).canDelete;
  seen.manifestTags = (await artifact.getManifestProperties()).tags;
  await artifact.deleteTag("v2");
  seen.tagsLeft = (await client.getRepository(repository).getProperties()).tagCount;

  const anonymous = new ContainerRegistryClient(endpoint, options);
  const tagsOf = (from) => all(from.getArtifact(repository, digest).listTagProperties());
  seen.anonymousRefused = await tagsOf(anonymous).then(
    () => false,
    (error) => error.statusCode === 401,
  );
  await registries.update(RESOURCE_GROUP, REGISTRY, { anonymousPullEnabled: true });
  seen.anonymousTags = (await tagsOf(anonymous)).map((tag) => tag.name);

  await artifact.deleteTag("v1");
  seen.tagsGone = await all(artifact.listTagProperties());
  await artifact.delete();
  seen.manifestGone = await content.getManifest(digest).then(
    () => false,
    (error) => error.statusCode === 404,
  );
  await client.deleteRepository(repository);
  seen.repositoriesLeft = await all(client.listRepositoryNames());
  await registries.delete(RESOURCE_GROUP, REGISTRY);
  seen.gone = await registries.get(RESOURCE_GROUP, REGISTRY).then(
    () => "still there",
    (error) => error.code,
  );
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
