//! The section of a `lancedb` backend.

use hark_core::{Error, Result, Secret};
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;

/// Vectors on disk, or in an object store that many nodes share.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LanceDbConfig {
    /// Where the tables are: a folder, relative to the data folder, which belongs to one process at a time; or
    /// `s3://bucket/prefix` in an object store that speaks S3, which any number of nodes may share. The latter needs a
    /// build with the feature `object-storage`.
    pub uri: String,
    /// The object store's address, such as `https://minio.internal:9000`; `http://` is not encrypted. Unset: Amazon's.
    pub endpoint: Option<String>,
    /// The bucket's region. Unset: what Amazon's tools go by (`AWS_REGION`, the profile, …).
    pub region: Option<String>,
    /// The object store's key, with `secret_access_key`. Unset: what Amazon's tools go by (`AWS_ACCESS_KEY_ID` and
    /// `AWS_SECRET_ACCESS_KEY`, the profile, the machine's or the container's role).
    pub access_key_id: Option<Secret>,
    /// What belongs to `access_key_id`.
    pub secret_access_key: Option<Secret>,
    /// Small files are merged in the background after so many writes; 5 to 1000. Fewer keep searches quicker, more
    /// write less.
    pub compact_after: u32,
}

impl Default for LanceDbConfig {
    fn default() -> Self {
        Self {
            uri: "vectors".into(),
            endpoint: None,
            region: None,
            access_key_id: None,
            secret_access_key: None,
            compact_after: 50,
        }
    }
}

impl LanceDbConfig {
    /// Whether the tables are in an object store.
    pub(crate) fn is_shared(&self) -> bool {
        self.uri.starts_with(S3)
    }

    pub(crate) fn validate(&self) -> Result<()> {
        if self.is_shared() {
            self.validate_store()?;
        } else {
            self.validate_folder()?;
        }
        if !(5..=1000).contains(&self.compact_after) {
            return Err(Error::config("compact_after: must be 5 to 1000"));
        }
        Ok(())
    }

    fn validate_folder(&self) -> Result<()> {
        if self.uri.contains("://") {
            return Err(Error::config("uri: must be a folder on this machine, or s3://bucket/prefix"));
        }
        if PathBuf::from(&self.uri).file_name().is_none() {
            return Err(Error::config("uri: must name a folder, such as `vectors`"));
        }
        let stray = [
            ("endpoint", self.endpoint.is_some()),
            ("region", self.region.is_some()),
            ("access_key_id", self.access_key_id.is_some()),
            ("secret_access_key", self.secret_access_key.is_some()),
        ];
        match stray.iter().find(|(_, is_set)| *is_set) {
            Some((field, _)) => {
                let context =
                    format!("{field}: belongs to an object store; set uri to s3://bucket/prefix, or remove it");
                Err(Error::config(context))
            }
            None => Ok(()),
        }
    }

    fn validate_store(&self) -> Result<()> {
        if !cfg!(feature = "object-storage") {
            let context = "uri: this program knows no object stores; build it with `--features object-storage`, or name a \
                           folder such as `vectors`";
            return Err(Error::config(context));
        }
        let rest = &self.uri[S3.len()..];
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(plain) {
            return Err(Error::config(
                "uri: the bucket in s3://bucket/prefix must be 3 to 63 of a-z, 0-9, `.` and `-`",
            ));
        }
        // One folder or several, each of plain characters: what else means something in an address stays out of it.
        let mut folders = prefix.trim_end_matches('/').split('/');
        if !folders.all(|name| !name.is_empty() && name.chars().all(plain) && !name.chars().all(|c| c == '.')) {
            let context = "uri: the prefix in s3://bucket/prefix must be names of letters, digits, `.`, `_` and `-`, with `/` \
                           between them";
            return Err(Error::config(context));
        }
        if let Some(endpoint) = &self.endpoint {
            let host = ["http://", "https://"].iter().find_map(|scheme| endpoint.strip_prefix(scheme));
            if host.is_none_or(|host| host.is_empty() || host.contains(['@', '?', '#'])) {
                let context =
                    "endpoint: must be an address such as https://minio.internal:9000, without a name or password";
                return Err(Error::config(context));
            }
        }
        match (&self.access_key_id, &self.secret_access_key) {
            (Some(_), None) => {
                Err(Error::config("secret_access_key: is missing; access_key_id is of no use without it"))
            }
            (None, Some(_)) => {
                Err(Error::config("access_key_id: is missing; secret_access_key is of no use without it"))
            }
            _ => Ok(()),
        }
    }
}

/// What the address of an object store begins with.
const S3: &str = "s3://";

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(config: &LanceDbConfig) -> String {
        config.validate().unwrap_err().context().to_owned()
    }

    #[test]
    fn limits_are_checked_and_errors_name_the_field() {
        assert!(LanceDbConfig::default().validate().is_ok());
        for uri in ["gs://b", "file:///data", "S3://bucket/vectors", "s3+ddb://bucket/vectors", "", ".."] {
            let config = LanceDbConfig { uri: uri.into(), ..Default::default() };
            assert!(refusal(&config).starts_with("uri"), "{uri}");
        }
        let config = LanceDbConfig { compact_after: 1, ..Default::default() };
        assert!(refusal(&config).starts_with("compact_after"));
        let stray = LanceDbConfig { region: Some("eu-central-1".into()), ..Default::default() };
        assert!(refusal(&stray).starts_with("region: belongs to an object store"));
    }

    #[test]
    fn keys_are_shown_nowhere() {
        let config = LanceDbConfig {
            access_key_id: Some(Secret::new("AKIAGEHEIM")),
            secret_access_key: Some(Secret::new("geheim")),
            ..Default::default()
        };
        let shown = format!("{config:?} {}", refusal(&config)).to_lowercase();
        assert!(!shown.contains("geheim"), "{shown}");
    }

    #[cfg(not(feature = "object-storage"))]
    #[test]
    fn an_object_store_is_refused_with_the_remedy() {
        let config = LanceDbConfig { uri: "s3://bucket/vectors".into(), ..Default::default() };
        let refusal = refusal(&config);
        assert!(refusal.starts_with("uri: ") && refusal.contains("--features object-storage"), "{refusal}");
    }

    #[cfg(feature = "object-storage")]
    #[test]
    fn what_belongs_to_an_object_store_is_checked() {
        let at = |uri: &str| LanceDbConfig { uri: uri.into(), ..Default::default() };
        for uri in ["s3://bucket/hark", "s3://my.bucket-1/hark/vectors_2/", "s3://abc/0"] {
            at(uri).validate().unwrap();
        }
        for uri in [
            "s3://",
            "s3://bucket",
            "s3://bucket/",
            "s3:///hark",
            "s3://b/hark",
            "s3://bucket//a",
            "s3://bucket/a/../b",
        ] {
            assert!(refusal(&at(uri)).starts_with("uri: "), "{uri}");
        }
        for uri in [
            "s3://bucket/a b",
            "s3://bucket/a?x=1",
            "s3://bucket/a%2e",
            "s3://user:geheim@bucket/a",
            "s3://bucket/\u{fc}",
        ] {
            let refusal = refusal(&at(uri));
            assert!(refusal.starts_with("uri: ") && !refusal.contains("geheim"), "{uri}");
        }
        for endpoint in ["minio:9000", "ftp://minio", "https://", "https://me:geheim@minio"] {
            let config = LanceDbConfig { endpoint: Some(endpoint.into()), ..at("s3://bucket/a") };
            let refusal = refusal(&config);
            assert!(refusal.starts_with("endpoint: ") && !refusal.contains("geheim"), "{refusal}");
        }
        let half = LanceDbConfig { access_key_id: Some(Secret::new("x")), ..at("s3://bucket/a") };
        assert!(refusal(&half).starts_with("secret_access_key: is missing"));
        let half = LanceDbConfig { secret_access_key: Some(Secret::new("x")), ..at("s3://bucket/a") };
        assert!(refusal(&half).starts_with("access_key_id: is missing"));
    }
}
