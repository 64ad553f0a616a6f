//! Objects in a bucket of a service with the S3 API.
//!
//! A conditional replacement is the service's conditional write (`If-None-Match: *`, `If-Match: <ETag>`). A service that
//! rejects such writes fails at the first one; one that ignores the condition does not fence other writers.
//!
//! Large objects are uploaded in parts. Parts of uploads that never finished are not listed here; give the bucket a lifecycle
//! rule that aborts incomplete uploads.

use std::io;
use std::sync::{Arc, Once};

use futures_util::TryStreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion};
use thiserror::Error;
use tokio::runtime::Handle;

use super::objects::{ObjectError, ObjectStorage, ObjectVersion, ObjectWriter};
use rekindle_settings::{CheckpointSettings, Secret, masked_within};

/// Bytes of a part of an upload. A service takes 10,000 parts, and none but the last below 5 MiB.
const UPLOAD_PART_BYTES: usize = 16 << 20;

/// Why a bucket could not be used.
#[derive(Debug, Error)]
pub enum BucketError {
    /// The file with the secret key can't be read.
    #[error("{file}: {cause}")]
    Secret {
        /// The file.
        file: String,
        /// Why not.
        cause: io::Error,
    },
    /// The prefix is not a path of objects.
    #[error("{0}")]
    Prefix(#[from] object_store::path::Error),
    /// The service, or the client of it, failed: its error and the causes of that, as text without secrets.
    #[error("{0}")]
    Service(String),
    /// The service has no versions of objects.
    #[error("the service gives no ETag, so that conditional writes are impossible")]
    NoETag,
}

impl BucketError {
    /// Text, and no source: an error of the service can quote a secret.
    fn service(error: &object_store::Error) -> BucketError {
        BucketError::Service(masked_within(&chain(error)))
    }
}

/// A bucket, or the objects under a prefix of it.
#[derive(Debug)]
pub(crate) struct S3Bucket {
    store: Arc<AmazonS3>,
    place: String,
    prefix: Path,
    runtime: Handle,
}

/// An upload in progress.
struct S3Upload {
    store: Arc<AmazonS3>,
    path: Path,
    runtime: Handle,
    buffer: Vec<u8>,
    parts: Option<Box<dyn MultipartUpload>>,
}

impl S3Bucket {
    /// Prepares requests to the service; nothing is sent yet. Requests run on the runtime that this is called in.
    pub(crate) fn open(
        settings: &CheckpointSettings,
        place: String,
        bucket: &str,
        prefix: &str,
    ) -> Result<S3Bucket, BucketError> {
        use_ring();
        // The AWS_ variables of the environment first: the settings override them.
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_region(&settings.s3_region)
            .with_allow_http(settings.s3_allow_http)
            .with_conditional_put(S3ConditionalPut::ETagMatch);
        if let Some(endpoint) = &settings.s3_endpoint {
            builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
        }
        if let (Some(id), Some(secret)) = (&settings.s3_access_key_id, &settings.s3_secret_access_key) {
            builder = builder.with_access_key_id(id).with_secret_access_key(read_secret(secret)?);
        }
        let store = Arc::new(builder.build().map_err(|error| BucketError::service(&error))?);
        let prefix = Path::parse(prefix)?;
        Ok(S3Bucket { store, place, prefix, runtime: Handle::current() })
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    async fn read_object(&self, name: &str) -> object_store::Result<(Vec<u8>, Option<String>)> {
        let found = self.store.get(&self.path(name)).await?;
        let tag = found.meta.e_tag.clone();
        Ok((found.bytes().await?.into(), tag))
    }
}

impl ObjectStorage for S3Bucket {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, ObjectError> {
        self.runtime.block_on(self.read_object(name)).map(|(bytes, _)| bytes).map_err(failed)
    }

    fn create(&self, name: &str) -> Result<Box<dyn ObjectWriter>, ObjectError> {
        let (store, runtime) = (Arc::clone(&self.store), self.runtime.clone());
        Ok(Box::new(S3Upload { store, path: self.path(name), runtime, buffer: Vec::new(), parts: None }))
    }

    fn list(&self) -> Result<Vec<String>, ObjectError> {
        let prefix = (!self.prefix.is_root()).then_some(&self.prefix);
        let found = self.store.list(prefix).try_collect::<Vec<_>>();
        let found = self.runtime.block_on(found).map_err(failed)?;
        // Deeper objects are not ours.
        let parts = self.prefix.parts().count() + 1;
        let ours = found.iter().filter(|object| object.location.parts().count() == parts);
        Ok(ours.filter_map(|object| object.location.filename().map(str::to_owned)).collect())
    }

    fn remove(&self, name: &str) -> Result<(), ObjectError> {
        match self.runtime.block_on(self.store.delete(&self.path(name))) {
            Err(object_store::Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn read_version(&self, name: &str) -> Result<(Vec<u8>, ObjectVersion), ObjectError> {
        let (bytes, etag) = self.runtime.block_on(self.read_object(name)).map_err(failed)?;
        Ok((bytes, version(etag)?))
    }

    fn replace(
        &self,
        name: &str,
        bytes: &[u8],
        expected: Option<&ObjectVersion>,
    ) -> Result<ObjectVersion, ObjectError> {
        let mode = match expected {
            None => PutMode::Create,
            Some(ObjectVersion(tag)) => PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None }),
        };
        let payload = PutPayload::from(bytes.to_vec());
        let path = self.path(name);
        let put = self.store.put_opts(&path, payload, PutOptions::from(mode));
        version(self.runtime.block_on(put).map_err(failed)?.e_tag)
    }
}

impl S3Upload {
    /// Uploads what is buffered as a part.
    fn send_part(&mut self) -> object_store::Result<()> {
        let part = PutPayload::from(std::mem::take(&mut self.buffer));
        self.runtime.block_on(async {
            let parts = match &mut self.parts {
                Some(parts) => parts,
                None => self.parts.insert(self.store.put_multipart(&self.path).await?),
            };
            parts.put_part(part).await
        })
    }

    fn end(&mut self) -> object_store::Result<()> {
        if self.parts.is_none() {
            let whole = PutPayload::from(std::mem::take(&mut self.buffer));
            return self.runtime.block_on(self.store.put(&self.path, whole)).map(drop);
        }
        if !self.buffer.is_empty() {
            self.send_part()?;
        }
        let Some(parts) = &mut self.parts else { return Ok(()) };
        self.runtime.block_on(parts.complete())?;
        self.parts = None;
        Ok(())
    }
}

impl ObjectWriter for S3Upload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), ObjectError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= UPLOAD_PART_BYTES { self.send_part().map_err(failed) } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), ObjectError> {
        self.end().map_err(failed)
    }
}

impl Drop for S3Upload {
    fn drop(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            // Nothing waits for it: the bucket's lifecycle rule removes what this misses.
            self.runtime.spawn(async move { parts.abort().await });
        }
    }
}

fn version(etag: Option<String>) -> Result<ObjectVersion, ObjectError> {
    etag.map(ObjectVersion).ok_or(ObjectError::Bucket(BucketError::NoETag))
}

fn failed(error: object_store::Error) -> ObjectError {
    match error {
        object_store::Error::NotFound { .. } => ObjectError::Missing,
        object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. } => ObjectError::Changed,
        other => ObjectError::Bucket(BucketError::service(&other)),
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    text
}

fn read_secret(secret: &Secret) -> Result<String, BucketError> {
    match secret {
        Secret::Environment(text) => Ok(text.trim().to_owned()),
        Secret::File(path) => {
            let read = std::fs::read_to_string(path)
                .map_err(|cause| BucketError::Secret { file: path.display().to_string(), cause })?;
            Ok(read.trim().to_owned())
        }
    }
}

/// Chooses the implementation of the ciphers for TLS, once per process.
fn use_ring() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It may have been chosen elsewhere already.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
