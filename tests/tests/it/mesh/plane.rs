//! The control plane, in process.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use serde_json::Value;
use tokio::runtime::Runtime;
use tulle_control_plane::app::{self, Running};
use tulle_control_plane::config::Config;
use tulle_control_plane::data_dir::DataDir;
use tulle_control_plane::token::{ServiceAccount, TokenKey};

use super::http::{self, until};
use super::namespace::Namespace;
use super::node::{PLANE, local};

/// xDS without TLS.
pub(crate) const PLAINTEXT: u16 = 15010;
/// xDS and certificates over TLS.
pub(crate) const SECURE: u16 = 15012;
const DEBUG: u16 = 15014;

/// A control plane over a copy of a directory.
pub(crate) struct Plane {
    pub(crate) root_pem: String,
    mesh: PathBuf,
    data: PathBuf,
    running: Option<(Runtime, Running)>,
}

impl Plane {
    pub(crate) fn start(namespace: &Namespace, home: &Path, from: &Path) -> Self {
        let (mesh, data) = (home.join("mesh"), home.join("data"));
        std::fs::create_dir(&mesh).unwrap();
        for file in std::fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), mesh.join(file.file_name())).unwrap();
        }
        let config = Config::parse_from([
            "tulle-control-plane",
            "--registry",
            &format!("file:{}", mesh.display()),
            "--data-dir",
            &data.display().to_string(),
            "--xds-plaintext",
            &format!("{PLANE}:{PLAINTEXT}"),
            "--xds-address",
            &format!("{PLANE}:{SECURE}"),
            "--tls-san",
            &PLANE.to_string(),
        ]);
        let runtime = namespace.runtime();
        let start = runtime.spawn(async move { app::start(&config).await });
        let running = runtime.block_on(start).unwrap().unwrap();
        Self {
            root_pem: running.root_pem.clone(),
            mesh,
            data,
            running: Some((runtime, running)),
        }
    }

    /// Writes a file of the mesh, in one step.
    pub(crate) fn write(&self, name: &str, yaml: &str) {
        let draft = self.mesh.with_extension("draft");
        std::fs::write(&draft, yaml).unwrap();
        std::fs::rename(draft, self.mesh.join(name)).unwrap();
    }

    /// A join token.
    pub(crate) fn token(&self, account: &str) -> String {
        let account = ServiceAccount::new("default", account).unwrap();
        let key = TokenKey::open(&DataDir::open(&self.data).unwrap()).unwrap();
        key.mint(&account, Duration::from_secs(600)).unwrap()
    }

    /// Removes a file of the mesh.
    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.mesh.join(name)).unwrap();
    }

    /// Waits until the proxy of the pod `name` has acknowledged everything; fails if it has refused anything.
    pub(crate) fn assert_acknowledged(&self, hub: &Namespace, name: &str) {
        let sync = until("all is acknowledged", hub, || {
            let sync = self.sync(hub, name)?;
            let types = sync["resources"].as_object().unwrap();
            let settled = |status: &Value| status["sent"] == status["acked"];
            (types.len() >= 4 && types.values().all(settled)).then_some(sync)
        });
        let types = sync["resources"].as_object().unwrap().values();
        let errors: Vec<_> = types.filter_map(|status| status.get("lastError")).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }

    /// What `/debug/syncz` says of the proxy of the pod `name`, once it is connected.
    fn sync(&self, hub: &Namespace, name: &str) -> Option<Value> {
        let page = http::get(hub, local(DEBUG), "/debug/syncz").unwrap().body;
        let all: Vec<Value> = serde_json::from_str(&page).unwrap();
        all.into_iter()
            .find(|proxy| proxy["proxy"].as_str().unwrap().starts_with(name))
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        if let Some((runtime, running)) = self.running.take() {
            let stopped = runtime.spawn(running.stop());
            runtime.block_on(stopped).ok();
        }
    }
}
