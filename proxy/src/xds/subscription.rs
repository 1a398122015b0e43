//! What is asked of the server, one [`Subscription`] for each resource type: a pure state machine that turns interest,
//! answers and reconnects into requests, for both dialects of the protocol. It owns no socket and applies nothing.
//!
//! Source: Envoy, *xDS REST and gRPC protocol* (incremental and state-of-the-world variants, ACK/NACK, resuming with
//! `initial_resource_versions`).

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use xds_proto::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use xds_proto::pb::google::rpc::Status;
use xds_proto::resource::ResourceKind;

use super::Dialect;

/// Which resources of one type are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interest {
    /// All that the server has for this node.
    Wildcard,
    /// Exactly these names; none asks for nothing.
    Names(BTreeSet<Arc<str>>),
}

impl Interest {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Wildcard => true,
            Self::Names(names) => names.contains(name),
        }
    }
}

/// Names that are wanted now and were not before, and the other way round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct NameChanges {
    pub(crate) added: Vec<Arc<str>>,
    pub(crate) removed: Vec<Arc<str>>,
}

/// The verdict over one response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything in the response was applied.
    Accepted,
    /// At least one resource was refused; the text names each and why.
    Rejected(String),
}

/// One request, in either dialect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    /// Incremental xDS.
    Delta(DeltaDiscoveryRequest),
    /// State of the world.
    Sotw(DiscoveryRequest),
}

/// The subscription to one resource type over the life of the process; streams come and go below it.
#[derive(Debug)]
pub(crate) struct Subscription {
    kind: ResourceKind,
    dialect: Dialect,
    interest: Interest,
    /// Versions of the resources that are applied (delta).
    versions: HashMap<Arc<str>, Arc<str>>,
    /// Version of the last accepted response (state of the world).
    version_info: String,
    /// Nonce of the last response on this stream.
    nonce: String,
    /// Whether a request of this type went out on this stream.
    opened: bool,
}

impl Subscription {
    /// A subscription that has asked for nothing so far.
    pub(crate) fn new(kind: ResourceKind, dialect: Dialect, interest: Interest) -> Self {
        Self {
            kind,
            dialect,
            interest,
            versions: HashMap::new(),
            version_info: String::new(),
            nonce: String::new(),
            opened: false,
        }
    }

    /// The first request on a new stream; `None` while nothing is wanted.
    ///
    /// In the incremental dialect it carries the versions that are already held, so that the server sends only what
    /// differs. Resources that are no longer wanted are left out.
    pub(crate) fn open(&mut self) -> Option<Request> {
        self.nonce.clear();
        self.opened = false;
        if matches!(&self.interest, Interest::Names(names) if names.is_empty()) {
            return None;
        }
        self.opened = true;
        Some(match self.dialect {
            Dialect::Sotw => self.sotw_request(None),
            Dialect::Delta => Request::Delta(DeltaDiscoveryRequest {
                type_url: self.kind.type_url().to_owned(),
                resource_names_subscribe: match &self.interest {
                    Interest::Wildcard => Vec::new(),
                    Interest::Names(names) => names.iter().map(|name| name.to_string()).collect(),
                },
                initial_resource_versions: self
                    .versions
                    .iter()
                    .map(|(name, version)| (name.to_string(), version.to_string()))
                    .collect(),
                ..Default::default()
            }),
        })
    }

    /// Changes what is wanted; returns the request that says so, or `None` if nothing changed. What is asked for by
    /// wildcard is not asked for by name.
    pub(crate) fn change(&mut self, changes: NameChanges) -> Option<Request> {
        let Interest::Names(names) = &mut self.interest else {
            return None;
        };
        if changes == NameChanges::default() {
            return None;
        }
        for name in &changes.removed {
            names.remove(name);
            self.versions.remove(name);
        }
        names.extend(changes.added.iter().cloned());
        if !self.opened {
            return self.open();
        }
        match self.dialect {
            Dialect::Sotw => Some(self.sotw_request(None)),
            Dialect::Delta => Some(self.delta_change(&changes)),
        }
    }

    /// Records which resources of a response are now applied or gone, and answers it.
    pub(crate) fn answer(&mut self, response: &Applied<'_>, verdict: Verdict) -> Request {
        self.nonce = response.nonce.to_owned();
        for (name, version) in &response.accepted {
            if self.interest.has(name) {
                self.versions.insert(name.clone(), version.clone());
            }
        }
        for name in response.removed {
            self.versions.remove(name.as_str());
        }
        let error = match verdict {
            Verdict::Accepted => {
                self.version_info = response.version_info.to_owned();
                None
            }
            Verdict::Rejected(message) => Some(Status {
                code: tonic::Code::InvalidArgument as i32,
                message,
                ..Default::default()
            }),
        };
        match self.dialect {
            Dialect::Sotw => self.sotw_request(error),
            Dialect::Delta => Request::Delta(DeltaDiscoveryRequest {
                type_url: self.kind.type_url().to_owned(),
                response_nonce: self.nonce.clone(),
                error_detail: error,
                ..Default::default()
            }),
        }
    }

    fn sotw_request(&self, error_detail: Option<Status>) -> Request {
        Request::Sotw(DiscoveryRequest {
            type_url: self.kind.type_url().to_owned(),
            version_info: self.version_info.clone(),
            response_nonce: self.nonce.clone(),
            resource_names: match &self.interest {
                Interest::Wildcard => Vec::new(),
                Interest::Names(names) => names.iter().map(|name| name.to_string()).collect(),
            },
            error_detail,
            ..Default::default()
        })
    }

    fn delta_change(&self, changes: &NameChanges) -> Request {
        let texts = |names: &[Arc<str>]| names.iter().map(|name| name.to_string()).collect();
        Request::Delta(DeltaDiscoveryRequest {
            type_url: self.kind.type_url().to_owned(),
            resource_names_subscribe: texts(&changes.added),
            resource_names_unsubscribe: texts(&changes.removed),
            ..Default::default()
        })
    }
}

/// What became of one response.
#[derive(Debug)]
pub(crate) struct Applied<'a> {
    /// The response's nonce.
    pub(crate) nonce: &'a str,
    /// The response's version (state of the world).
    pub(crate) version_info: &'a str,
    /// Applied resources with their versions.
    pub(crate) accepted: Vec<(Arc<str>, Arc<str>)>,
    /// Resources that the server removed.
    pub(crate) removed: &'a [String],
}

#[cfg(test)]
mod tests;
