//! A sample of each endpoint: a request, what it demands, and the status of its success. A new endpoint does not compile
//! until it has an arm below.

use super::*;

/// Names every endpoint once.
macro_rules! endpoints {
    ($($pattern:pat => $name:literal,)*) => {
        pub(super) const ENDPOINTS: &[&str] = &[$($name),*];

        pub(super) fn endpoint(route: &Route) -> &'static str {
            match route {
                $($pattern => $name,)*
            }
        }
    };
}

endpoints! {
    Route::Content(ContentRoute::Base) => "base",
    Route::Content(ContentRoute::CatalogList(_)) => "catalog",
    Route::Content(ContentRoute::TagsList(..)) => "tags",
    Route::Content(ContentRoute::ReferrersList(..)) => "referrers",
    Route::Content(ContentRoute::ManifestGet(..)) => "manifest get",
    Route::Content(ContentRoute::ManifestPut(..)) => "manifest put",
    Route::Content(ContentRoute::ManifestDelete(..)) => "manifest delete",
    Route::Content(ContentRoute::BlobGet(..)) => "blob get",
    Route::Content(ContentRoute::BlobDelete(..)) => "blob delete",
    Route::Content(ContentRoute::UploadStart(..)) => "upload start",
    Route::Content(ContentRoute::UploadAppend(..)) => "upload append",
    Route::Content(ContentRoute::UploadFinish(..)) => "upload finish",
    Route::Content(ContentRoute::UploadStatus(..)) => "upload status",
    Route::Content(ContentRoute::UploadCancel(..)) => "upload cancel",
    Route::Content(ContentRoute::RepositoryGet(_)) => "repository get",
    Route::Content(ContentRoute::RepositoryPatch(_)) => "repository patch",
    Route::Content(ContentRoute::RepositoryDelete(_)) => "repository delete",
    Route::Content(ContentRoute::AcrTagsList(..)) => "acr tags",
    Route::Content(ContentRoute::AcrTagGet(..)) => "acr tag get",
    Route::Content(ContentRoute::AcrTagPatch(..)) => "acr tag patch",
    Route::Content(ContentRoute::AcrTagDelete(..)) => "acr tag delete",
    Route::Content(ContentRoute::AcrManifestsList(..)) => "acr manifests",
    Route::Content(ContentRoute::AcrManifestGet(..)) => "acr manifest get",
    Route::Content(ContentRoute::AcrManifestPatch(..)) => "acr manifest patch",
    Route::Token(TokenRoute::Get(_)) => "token get",
    Route::Token(TokenRoute::Post) => "token post",
    Route::Token(TokenRoute::Exchange) => "exchange",
}

/// What an endpoint demands, as ACR does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    SignIn,
    Catalog,
    Pull,
    /// Either right will do.
    TagsList,
    Push,
    Delete,
    MetadataRead,
    MetadataWrite,
    /// `/oauth2/token` looks at credentials itself.
    Token,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) method: &'static str,
    /// `{R}` is the repository, `{T}` its tag, `{M}` its manifest, `{L}` a layer of it, `{B}` a blob that no manifest
    /// needs, `{U}` an upload, `{N}` the digest of the body sent.
    pub(crate) target: &'static str,
    pub(crate) body: Option<&'static str>,
    pub(super) demand: Demand,
    /// The status of success.
    pub(super) status: u16,
}

pub(super) const NEW: &str = "new bytes";

pub(super) const fn sample(method: &'static str, target: &'static str, demand: Demand, status: u16) -> Sample {
    Sample {
        method,
        target,
        body: None,
        demand,
        status,
    }
}

pub(super) const fn with_body(sample: Sample, body: &'static str) -> Sample {
    Sample {
        body: Some(body),
        ..sample
    }
}

pub(crate) const SAMPLES: &[Sample] = &[
    sample("GET", "/v2/", Demand::SignIn, 200),
    sample("GET", "/v2", Demand::SignIn, 200),
    sample("GET", "/v2/_catalog", Demand::Catalog, 200),
    sample("GET", "/acr/v1/_catalog", Demand::Catalog, 200),
    sample("GET", "/v2/{R}/tags/list", Demand::TagsList, 200),
    sample("GET", "/v2/{R}/referrers/{M}", Demand::Pull, 200),
    sample("GET", "/v2/{R}/manifests/{T}", Demand::Pull, 200),
    sample("HEAD", "/v2/{R}/manifests/{M}", Demand::Pull, 200),
    with_body(sample("PUT", "/v2/{R}/manifests/new", Demand::Push, 201), "{manifest}"),
    sample("DELETE", "/v2/{R}/manifests/{M}", Demand::Delete, 202),
    sample("DELETE", "/v2/{R}/manifests/{T}", Demand::Delete, 202),
    sample("GET", "/v2/{R}/blobs/{L}", Demand::Pull, 200),
    sample("HEAD", "/v2/{R}/blobs/{L}", Demand::Pull, 200),
    sample("DELETE", "/v2/{R}/blobs/{B}", Demand::Delete, 202),
    with_body(sample("POST", "/v2/{R}/blobs/uploads/", Demand::Push, 202), ""),
    with_body(
        sample("POST", "/v2/{R}/blobs/uploads/?digest={N}", Demand::Push, 201),
        NEW,
    ),
    with_body(sample("PATCH", "/v2/{R}/blobs/uploads/{U}", Demand::Push, 202), NEW),
    with_body(
        sample("PUT", "/v2/{R}/blobs/uploads/{U}?digest={N}", Demand::Push, 201),
        NEW,
    ),
    sample("GET", "/v2/{R}/blobs/uploads/{U}", Demand::Push, 204),
    sample("DELETE", "/v2/{R}/blobs/uploads/{U}", Demand::Push, 204),
    sample("GET", "/acr/v1/{R}", Demand::MetadataRead, 200),
    with_body(sample("PATCH", "/acr/v1/{R}", Demand::MetadataWrite, 200), "{}"),
    sample("DELETE", "/acr/v1/{R}", Demand::Delete, 202),
    sample("GET", "/acr/v1/{R}/_tags", Demand::MetadataRead, 200),
    sample("GET", "/acr/v1/{R}/_tags/{T}", Demand::MetadataRead, 200),
    with_body(
        sample("PATCH", "/acr/v1/{R}/_tags/{T}", Demand::MetadataWrite, 200),
        "{}",
    ),
    sample("DELETE", "/acr/v1/{R}/_tags/{T}", Demand::Delete, 202),
    sample("GET", "/acr/v1/{R}/_manifests", Demand::MetadataRead, 200),
    sample("GET", "/acr/v1/{R}/_manifests/{M}", Demand::MetadataRead, 200),
    with_body(
        sample("PATCH", "/acr/v1/{R}/_manifests/{M}", Demand::MetadataWrite, 200),
        "{}",
    ),
    sample(
        "GET",
        "/oauth2/token?service=holdfast.registry.localhost&scope=repository:{R}:pull",
        Demand::Token,
        200,
    ),
    with_body(
        sample("POST", "/oauth2/token", Demand::Token, 200),
        "grant_type=password&scope=repository:{R}:pull",
    ),
    with_body(
        sample("POST", "/oauth2/exchange", Demand::Token, 200),
        "grant_type=access_token&access_token=nobody",
    ),
];

/// What a repository holds that the samples are about.
#[derive(Debug, Clone)]
pub(crate) struct Stage {
    pub(super) repository: String,
    pub(super) image: Image,
    pub(super) blob: String,
    pub(super) upload: String,
}

impl Stage {
    pub(crate) async fn set(harness: &Harness, repository: &str) -> Self {
        let image = Image::new(repository);
        harness.push_image(repository, "v1", &image).await;
        let blob = harness
            .push_blob(repository, format!("loose in {repository}").as_bytes())
            .await;
        let location = harness.start(repository).await;
        Self {
            repository: repository.to_owned(),
            image,
            blob,
            upload: location.rsplit('/').next().unwrap().to_owned(),
        }
    }

    /// The same words for a repository that does not exist.
    pub(super) fn missing(&self, repository: &str) -> Self {
        Self {
            repository: repository.to_owned(),
            ..self.clone()
        }
    }

    pub(crate) fn fill(&self, text: &str) -> String {
        text.replace("{R}", &self.repository)
            .replace("{T}", "v1")
            .replace("{M}", &self.image.digest)
            .replace("{L}", &sha256(&self.image.layer))
            .replace("{B}", &self.blob)
            .replace("{U}", &self.upload)
            .replace("{N}", &sha256(NEW))
    }

    pub(super) fn ask(&self, harness: &Harness, sample: &Sample) -> Ask {
        let ask = harness.ask(sample.method, &self.fill(sample.target));
        match sample.body {
            None => ask,
            Some("{manifest}") => ask
                .header("Content-Type", OCI_MANIFEST)
                .body(self.image.manifest.clone()),
            Some(body) => ask.body(self.fill(body)),
        }
    }

    /// The scope that the challenge names.
    pub(super) fn scope(&self, demand: Demand) -> Option<String> {
        let actions = match demand {
            Demand::SignIn | Demand::Token => return None,
            Demand::Catalog => return Some("registry:catalog:*".to_owned()),
            Demand::Pull => "pull",
            Demand::TagsList => "pull,metadata_read",
            Demand::Push => "pull,push",
            Demand::Delete => "delete",
            Demand::MetadataRead => "metadata_read",
            Demand::MetadataWrite => "metadata_write",
        };
        Some(format!("repository:{}:{actions}", self.repository))
    }

    /// Asserts a 401 with exactly ACR's challenge and nothing else of interest.
    #[track_caller]
    pub(super) fn refused(&self, harness: &Harness, sample: &Sample, error: Option<&str>, answer: &Answer, who: &str) {
        let place = format!("{who}: {} {}", sample.method, sample.target);
        assert_eq!(answer.status, 401, "{place}: {answer:?}");
        let scope = self.scope(sample.demand);
        let mut challenge = format!(
            "Bearer realm=\"http://{0}/oauth2/token\",service=\"{0}\"",
            harness.address
        );
        if let Some(scope) = &scope {
            challenge.push_str(&format!(",scope=\"{scope}\""));
        }
        if let Some(error) = error {
            challenge.push_str(&format!(",error=\"{error}\""));
        }
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()), "{place}");
        if sample.method == "HEAD" {
            return;
        }
        assert_eq!(answer.code(), "UNAUTHORIZED", "{place}");
        let detail = scope.map_or(Value::Null, |scope| {
            let (resource, actions) = scope.rsplit_once(':').unwrap();
            let (kind, name) = resource.split_once(':').unwrap();
            let entry = |action| json!({ "Type": kind, "Name": name, "Action": action });
            actions.split(',').map(entry).collect()
        });
        assert_eq!(answer.detail(), detail, "{place}");
    }
}
