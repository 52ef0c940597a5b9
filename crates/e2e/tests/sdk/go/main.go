// What a program that is written for Azure does with the Azure SDK for Go: it makes a registry, uses it and deletes it.
// It prints what it saw, as JSON, for the test to judge.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/containers/azcontainerregistry"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/containerregistry/armcontainerregistry"
)

const (
	repository   = "team/app"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
)

var (
	ctx  = context.Background()
	base = os.Getenv("BASE_URL")
	seen = map[string]any{}
)

func main() {
	options := policy.ClientOptions{Cloud: cloud.Configuration{
		ActiveDirectoryAuthorityHost: base + "/",
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager:           {Endpoint: base, Audience: base},
			azcontainerregistry.ServiceName: {Audience: "https://containerregistry.azure.net"},
		},
	}}
	credential := must(azidentity.NewClientSecretCredential(
		os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID"), os.Getenv("AZURE_CLIENT_SECRET"),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true}))
	factory := must(armcontainerregistry.NewClientFactory(
		os.Getenv("SUBSCRIPTION"), credential, &arm.ClientOptions{ClientOptions: options}))
	registries := factory.NewRegistriesClient()
	group, name := os.Getenv("RESOURCE_GROUP"), os.Getenv("REGISTRY")

	endpoint := manage(registries, group, name)
	use(endpoint, credential, options)

	must(must(registries.BeginDelete(ctx, group, name, nil)).PollUntilDone(ctx, nil))
	_, err := registries.Get(ctx, group, name, nil)
	seen["gone"] = failure(err).ErrorCode
	fmt.Println(string(must(json.Marshal(seen))))
}

// Makes a registry and changes it; gives its login server's URL.
func manage(registries *armcontainerregistry.RegistriesClient, group, name string) string {
	wanted := armcontainerregistry.RegistryNameCheckRequest{
		Name: &name, Type: to.Ptr("Microsoft.ContainerRegistry/registries"),
	}
	isFree := func() bool { return *must(registries.CheckNameAvailability(ctx, wanted, nil)).NameAvailable }
	seen["free"] = isFree()
	body := armcontainerregistry.Registry{
		Location:   to.Ptr("local"),
		SKU:        &armcontainerregistry.SKU{Name: to.Ptr(armcontainerregistry.SKUNameStandard)},
		Properties: &armcontainerregistry.RegistryProperties{AdminUserEnabled: to.Ptr(true)},
	}
	made := must(must(registries.BeginCreate(ctx, group, name, body, nil)).PollUntilDone(ctx, nil))
	seen["state"], seen["taken"] = *made.Properties.ProvisioningState, isFree()
	update := armcontainerregistry.RegistryUpdateParameters{
		SKU:  &armcontainerregistry.SKU{Name: to.Ptr(armcontainerregistry.SKUNamePremium)},
		Tags: map[string]*string{"a": to.Ptr("b")},
	}
	updated := must(must(registries.BeginUpdate(ctx, group, name, update, nil)).PollUntilDone(ctx, nil))
	seen["sku"] = *updated.SKU.Name
	seen["tags"] = must(registries.Get(ctx, group, name, nil)).Tags
	seen["listed"] = false
	for pager := registries.NewListPager(nil); pager.More(); {
		for _, registry := range must(pager.NextPage(ctx)).Value {
			seen["listed"] = seen["listed"].(bool) || *registry.Name == name
		}
	}
	seen["user"] = *must(registries.ListCredentials(ctx, group, name, nil)).Username
	password := armcontainerregistry.RegenerateCredentialParameters{Name: to.Ptr(armcontainerregistry.PasswordNamePassword2)}
	seen["passwords"] = len(must(registries.RegenerateCredential(ctx, group, name, password, nil)).Passwords)
	usages := []string{}
	for _, usage := range must(registries.ListUsages(ctx, group, name, nil)).Value {
		usages = append(usages, *usage.Name)
	}
	seen["usages"] = usages
	return "https://" + *made.Properties.LoginServer
}

// Pushes an image, looks at it, changes it and deletes it.
func use(endpoint string, credential azcore.TokenCredential, options policy.ClientOptions) {
	client := must(azcontainerregistry.NewClient(endpoint, credential, &azcontainerregistry.ClientOptions{ClientOptions: options}))
	blobs := must(azcontainerregistry.NewBlobClient(endpoint, credential, &azcontainerregistry.BlobClientOptions{ClientOptions: options}))
	layer := make([]byte, 5<<20)
	must(rand.Read(layer))
	config := []byte("{}")
	layerDigest := upload(blobs, layer)
	manifest := must(json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        descriptor("application/vnd.oci.image.config.v1+json", upload(blobs, config), len(config)),
		"layers":        []any{descriptor("application/vnd.oci.image.layer.v1.tar", layerDigest, len(layer))},
	}))
	var digest string
	for _, tag := range []string{"v1", "v2"} {
		body := streaming.NopCloser(bytes.NewReader(manifest))
		put := must(client.UploadManifest(ctx, repository, tag, manifestType, body, nil))
		digest = *put.DockerContentDigest
	}
	got := must(client.GetManifest(ctx, repository, "v1", &azcontainerregistry.ClientGetManifestOptions{Accept: to.Ptr(manifestType)}))
	expect(bytes.Equal(must(io.ReadAll(got.ManifestData)), manifest), "the manifest came back changed")
	blob := must(blobs.GetBlob(ctx, repository, layerDigest, nil))
	expect(bytes.Equal(must(io.ReadAll(blob.BlobData)), layer), "the layer came back changed")

	repositories := func() []string {
		names := []string{}
		for pager := client.NewListRepositoriesPager(nil); pager.More(); {
			for _, name := range must(pager.NextPage(ctx)).Names {
				names = append(names, *name)
			}
		}
		return names
	}
	seen["repositories"] = repositories()
	seen["repositoryTags"] = must(tagsOf(client))
	rows := must(client.NewListManifestsPager(repository, nil).NextPage(ctx)).Attributes
	seen["size"] = len(rows) == 1 && *rows[0].Size == int64(len(layer)+len(config))
	tag := func(canWrite bool) azcontainerregistry.ClientUpdateTagPropertiesResponse {
		value := azcontainerregistry.TagWriteableProperties{CanWrite: to.Ptr(canWrite)}
		return must(client.UpdateTagProperties(ctx, repository, "v1", &azcontainerregistry.ClientUpdateTagPropertiesOptions{Value: &value}))
	}
	seen["locked"] = !*tag(false).Tag.ChangeableAttributes.CanWrite
	tag(true)
	value := azcontainerregistry.RepositoryWriteableProperties{CanDelete: to.Ptr(true)}
	updated := must(client.UpdateRepositoryProperties(ctx, repository, &azcontainerregistry.ClientUpdateRepositoryPropertiesOptions{Value: &value}))
	seen["writable"] = *updated.ChangeableAttributes.CanDelete
	seen["manifestTags"] = must(client.GetManifestProperties(ctx, repository, digest, nil)).Manifest.Tags
	must(client.DeleteTag(ctx, repository, "v2", nil))
	seen["tagsLeft"] = *must(client.GetRepositoryProperties(ctx, repository, nil)).TagCount

	anonymous := must(azcontainerregistry.NewClient(endpoint, nil, &azcontainerregistry.ClientOptions{ClientOptions: options}))
	_, err := tagsOf(anonymous)
	seen["anonymousRefused"] = failure(err).StatusCode == 401

	must(client.DeleteTag(ctx, repository, "v1", nil))
	seen["tagsGone"] = must(tagsOf(client))
	must(client.DeleteManifest(ctx, repository, digest, nil))
	_, err = client.GetManifest(ctx, repository, digest, nil)
	seen["manifestGone"] = failure(err).StatusCode == 404
	must(client.DeleteRepository(ctx, repository, nil))
	seen["repositoriesLeft"] = repositories()
}

func tagsOf(client *azcontainerregistry.Client) ([]string, error) {
	names := []string{}
	for pager := client.NewListTagsPager(repository, nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, tag := range page.Tags {
			names = append(names, *tag.Name)
		}
	}
	return names, nil
}

func upload(blobs *azcontainerregistry.BlobClient, content []byte) string {
	started := must(blobs.StartUpload(ctx, repository, nil))
	calculator := azcontainerregistry.NewBlobDigestCalculator()
	sent := must(blobs.UploadChunk(ctx, *started.Location, bytes.NewReader(content), calculator, nil))
	return *must(blobs.CompleteUpload(ctx, *sent.Location, calculator, nil)).DockerContentDigest
}

func descriptor(kind, digest string, size int) map[string]any {
	return map[string]any{"mediaType": kind, "digest": digest, "size": size}
}

// The server's answer that an error tells of.
func failure(err error) *azcore.ResponseError {
	var response *azcore.ResponseError
	expect(errors.As(err, &response), fmt.Sprintf("no answer of the server: %v", err))
	return response
}

func expect(claim bool, otherwise string) {
	if !claim {
		panic(otherwise)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
