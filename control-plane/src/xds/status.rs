//! What every connected proxy was sent and what it accepted: the truth behind `proxy-status`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use xds_proto::resource::ResourceKind;

use crate::push::Proxy;

/// One response, as sent or as accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Number of the response on its stream.
    pub(crate) nonce: u64,
    /// Version of what it said.
    pub(crate) version: u64,
    /// When.
    pub(crate) at: SystemTime,
}

/// A response that the proxy refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejection {
    /// Number of the response on its stream.
    pub(crate) nonce: u64,
    /// In the proxy's words.
    pub(crate) reason: String,
    /// When.
    pub(crate) at: SystemTime,
}

/// One resource type of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TypeStatus {
    /// The newest response.
    pub(crate) sent: Option<Mark>,
    /// The newest response that the proxy applied.
    pub(crate) accepted: Option<Mark>,
    /// The newest response, when the proxy refused it; what it had before keeps serving.
    pub(crate) rejected: Option<Rejection>,
}

/// How far a proxy is with one type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// Nothing was sent: it has asked and there is nothing, or it resumed with all that there is.
    NotSent,
    /// It applied the newest.
    Synced,
    /// Its answer is awaited.
    Stale,
    /// It refused the newest.
    Rejected,
}

impl TypeStatus {
    pub(super) fn send(&mut self, nonce: u64, version: u64) {
        self.sent = Some(Mark {
            nonce,
            version,
            at: SystemTime::now(),
        });
    }

    pub(super) fn accept(&mut self, nonce: u64, version: u64) {
        self.accepted = Some(Mark {
            nonce,
            version,
            at: SystemTime::now(),
        });
        self.rejected = None;
    }

    pub(super) fn reject(&mut self, nonce: u64, reason: &str) {
        self.rejected = Some(Rejection {
            nonce,
            reason: reason.to_owned(),
            at: SystemTime::now(),
        });
    }

    /// Whether the response with this number or a later one was refused.
    pub(super) fn rejected_since(&self, nonce: u64) -> bool {
        self.rejected
            .as_ref()
            .is_some_and(|rejection| rejection.nonce >= nonce)
    }

    /// Version of the newest response, zero before the first.
    pub(super) fn version(&self) -> u64 {
        self.sent.as_ref().map_or(0, |mark| mark.version)
    }

    /// How far the proxy is.
    pub(crate) fn sync(&self) -> Sync {
        match (&self.sent, &self.accepted, &self.rejected) {
            (_, _, Some(_)) => Sync::Rejected,
            (None, _, None) => Sync::NotSent,
            (Some(sent), Some(accepted), None) if sent.nonce == accepted.nonce => Sync::Synced,
            (Some(_), _, None) => Sync::Stale,
        }
    }
}

/// One connected proxy.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Number of the stream in this process.
    pub(crate) id: u64,
    /// Who it is.
    pub(crate) who: Proxy,
    /// `POD.NAMESPACE`.
    pub(crate) proxy: String,
    /// Namespace of the proxy.
    pub(crate) namespace: String,
    /// Kind as in the node id: `sidecar`.
    pub(crate) kind: String,
    /// Cluster from the node's metadata.
    pub(crate) cluster: String,
    /// Version from the node's metadata.
    pub(crate) version: String,
    /// Peer address.
    pub(crate) peer: String,
    /// Per type, copied here by the stream whenever it changes.
    pub(crate) types: Mutex<BTreeMap<ResourceKind, TypeStatus>>,
}

/// All connected proxies.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    all: Mutex<BTreeMap<u64, Arc<Connection>>>,
}

/// Keeps a connection listed until dropped.
pub(crate) struct Listed {
    connection: Arc<Connection>,
    in_list: Arc<Connections>,
}

impl Connections {
    /// Lists `connection` for as long as the result lives.
    pub(crate) fn list(self: &Arc<Self>, connection: Connection) -> Listed {
        let connection = Arc::new(connection);
        self.all.lock().insert(connection.id, connection.clone());
        crate::metrics::connected(&connection.version, 1.0);
        Listed {
            connection,
            in_list: self.clone(),
        }
    }

    /// A copy of the list, by stream number.
    pub(crate) fn all(&self) -> Vec<Arc<Connection>> {
        self.all.lock().values().cloned().collect()
    }
}

impl std::ops::Deref for Listed {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.in_list.all.lock().remove(&self.connection.id);
        crate::metrics::connected(&self.connection.version, -1.0);
    }
}
