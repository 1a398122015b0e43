//! The machine that pods run on.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tulle_tests::skip;

use super::namespace::Namespace;
use super::plane::Plane;

/// Where pods reach the control plane.
pub(crate) const PLANE: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
/// The user that sidecars run as, whose traffic is not captured.
pub(crate) const PROXY_USER: u32 = 1337;

/// A router with pods around it, and the control plane on it.
pub(crate) struct Node {
    pub(crate) hub: Namespace,
    pub(crate) plane: Plane,
    home: TempDir,
}

impl Node {
    /// A node for a test with a mesh of `testdata`; `None`, and a recorded skip, where this machine does not allow it.
    pub(crate) fn for_test(test: &str, mesh: &str) -> Option<Self> {
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        match Self::start(&testdata.join(mesh)) {
            Ok(node) => Some(node),
            Err(error) => {
                let reason = format!("no network namespaces for this user ({error}); run as root");
                skip(test, &reason);
                None
            }
        }
    }

    /// A node whose mesh is what the files below `mesh` say.
    ///
    /// # Errors
    /// When this user may not make network namespaces.
    fn start(mesh: &Path) -> io::Result<Self> {
        let hub = Namespace::new()?;
        hub.forward();
        hub.add_local(PLANE);
        let home = tempfile::tempdir()?;
        std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755))?;
        let plane = Plane::start(&hub, home.path(), mesh);
        Ok(Self { hub, plane, home })
    }

    /// A pod at 10.244.`index`.2.
    pub(crate) fn pod(&self, name: &str, account: &str, index: u8) -> Pod {
        let namespace = Namespace::new().unwrap();
        let network = [10, 244, index];
        self.hub.join(&namespace, &format!("pod{index}"), network);
        let home = self.home.path().join(name);
        std::fs::create_dir(&home).unwrap();
        chown(&home, Some(PROXY_USER), Some(PROXY_USER)).unwrap();
        Pod {
            namespace,
            name: name.to_owned(),
            account: account.to_owned(),
            ip: Ipv4Addr::new(10, 244, index, 2),
            home,
        }
    }
}

/// A pod: a network namespace and a folder that the sidecar's user owns.
pub(crate) struct Pod {
    pub(crate) namespace: Namespace,
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) home: PathBuf,
}

impl Pod {
    /// The SPIFFE id of its workload.
    pub(crate) fn identity(&self) -> String {
        format!("spiffe://cluster.local/ns/default/sa/{}", self.account)
    }

    /// The node id of its sidecar.
    pub(crate) fn node_id(&self) -> String {
        let Self { name, ip, .. } = self;
        format!("sidecar~{ip}~{name}.default~default.svc.cluster.local")
    }

    /// An address of the pod.
    pub(crate) fn at(&self, port: u16) -> SocketAddr {
        (self.ip, port).into()
    }
}

/// An address that only the pod itself can reach.
pub(crate) fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A copy of a program in a place that every user may read, under its own name.
pub(crate) fn for_every_user(program: &Path, folder: &Path) -> PathBuf {
    let copy = folder.join(program.file_name().unwrap());
    if std::fs::hard_link(program, &copy).is_err() {
        std::fs::copy(program, &copy).unwrap();
    }
    copy
}
