//! What every pod is built with: its specification, and the files that its volumes hold.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use tulle_control_plane::model::service::Service;
use tulle_control_plane::token::{ServiceAccount, TokenKey};
use xds_proto::well_known::path;

use super::explicit::Ways;
use super::hosts::Files;
use super::services::{address, variables};
use super::{Folders, inject};
use crate::demo::containers::{self, Place};
use crate::demo::isolation::Isolation;
use crate::demo::manifest::identity;
use crate::demo::network::{Network, PodAddresses};
use crate::demo::pod::{NameFiles, PodSpec};

/// How long the demo's join tokens live.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

/// What every pod is built with.
pub(super) struct PodContext<'a> {
    pub(super) folders: &'a Folders,
    pub(super) network: &'a Network,
    pub(super) services: &'a [Arc<Service>],
    pub(super) root: &'a str,
    pub(super) tokens: &'a TokenKey,
    pub(super) isolation: Isolation,
    pub(super) verbose: bool,
}

impl PodContext<'_> {
    pub(super) fn spec(&self, object: &Value, index: u8, ways: &Ways) -> anyhow::Result<PodSpec> {
        let (namespace, name) = identity(object);
        let dir = self.folders.of_pod(&name);
        self.mount_files(object, &namespace, &dir)?;
        let addresses = self.network.pod(index, inject::has_sidecar(object));
        let variables = self.variables(&namespace, &addresses, ways);
        let place = Place {
            pod: object,
            addresses,
            host_ip: self.network.control_plane(),
            variables: &variables,
            program: &self.folders.program,
            root_dir: &dir.display().to_string(),
            isolation: self.isolation,
        };
        Ok(PodSpec {
            addresses,
            isolation: self.isolation,
            program: self.folders.program.clone(),
            verbose: self.verbose,
            files: self.files(&namespace)?,
            containers: containers::containers(&place),
            variables,
            name,
            dir,
        })
    }

    /// What stands in for the machine's own name service.
    fn files(&self, namespace: &str) -> anyhow::Result<Option<NameFiles>> {
        Ok(match self.isolation {
            Isolation::Root | Isolation::User => {
                let files = Files::write(&self.folders.state)?;
                Some(NameFiles {
                    hosts: files.hosts(namespace, self.services)?,
                    resolv: files.resolv,
                })
            }
            Isolation::Ports => None,
        })
    }

    /// The variables of every process of the application.
    fn variables(
        &self,
        namespace: &str,
        addresses: &PodAddresses,
        ways: &Ways,
    ) -> BTreeMap<String, String> {
        let at = |service: &Service, port: u16| match self.isolation {
            Isolation::Root | Isolation::User => address(service),
            Isolation::Ports => ways.at(service, port),
        };
        let mut variables = variables(self.services, namespace, at);
        variables.insert("LISTEN_ADDRESS".to_owned(), addresses.listen.to_string());
        if let Some(proxy) = addresses.proxy {
            variables.insert("http_proxy".to_owned(), format!("http://{proxy}"));
        }
        variables
    }

    /// The files that volumes of an injected pod hold: token, root certificate, labels, annotations.
    fn mount_files(&self, object: &Value, namespace: &str, dir: &Path) -> anyhow::Result<()> {
        let account = object
            .pointer("/spec/serviceAccountName")
            .and_then(Value::as_str)
            .unwrap_or("default");
        let token = self
            .tokens
            .mint(&ServiceAccount::new(namespace, account)?, TOKEN_TTL)?;
        let map = |key: &str| {
            object["metadata"][key]
                .as_object()
                .cloned()
                .unwrap_or_default()
        };
        let lines = |map: serde_json::Map<String, Value>| {
            map.iter()
                .map(|(key, value)| format!("{key}={value}\n"))
                .collect::<String>()
        };
        for (file, text) in [
            (path::TOKEN, token),
            (path::ROOT_CERT, self.root.to_owned()),
            (path::POD_LABELS, lines(map("labels"))),
            (path::POD_ANNOTATIONS, lines(map("annotations"))),
        ] {
            let file = dir.join(file.trim_start_matches('/'));
            std::fs::create_dir_all(file.parent().context("a mounted file has a folder")?)?;
            std::fs::write(&file, text)?;
            std::fs::set_permissions(&file, self.readers())?;
        }
        Ok(())
    }

    /// Who may read a mounted file. In namespaces proxies run as another user, and nobody else sees the file system.
    fn readers(&self) -> Permissions {
        Permissions::from_mode(match self.isolation {
            Isolation::Root | Isolation::User => 0o644,
            Isolation::Ports => 0o600,
        })
    }
}
