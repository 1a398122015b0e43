//! What is known of a downstream connection, and one request on it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::codec::h1::Framing;
use super::deadline::Deadline;
use super::hash::MadeCookie;
use super::head::{Fields, RequestHead, ResponseHead};
use super::local::{Local, Site};
use super::route::Route;
use crate::cluster::endpoint::Endpoint;
use crate::cluster::pool::{ClusterPool, UpstreamFacts};
use crate::drain::Signal;
use crate::listener::ConnectionFacts;
use crate::telemetry::access_log::ResponseFlags;
use crate::telemetry::istio::{Heard, Workload};
use crate::transport::{PeerIdentity, TlsFacts};

/// A downstream connection.
#[derive(Debug)]
pub(crate) struct Downstream {
    pub(crate) local: Rc<Local>,
    pub(crate) site: Rc<Site>,
    pub(crate) facts: ConnectionFacts,
    pub(crate) tls: Option<Rc<TlsFacts>>,
    pub(crate) drain: Signal,
    pub(crate) since: Instant,
    /// The client has an internal address.
    pub(crate) internal: bool,
    /// How the client introduced its workload.
    pub(crate) heard: Heard,
}

impl Downstream {
    /// Who the client proved to be.
    pub(crate) fn peer(&self) -> Option<&PeerIdentity> {
        self.tls.as_ref()?.peer.as_ref()
    }

    /// What we proved to the client to be.
    pub(crate) fn own_identity(&self) -> Option<&str> {
        self.tls.as_ref()?.own.as_deref()
    }

    /// Waits until the connection should finish.
    pub(crate) async fn draining(&self) {
        self.drain.draining().await;
    }

    /// Whether the connection must not take another request.
    pub(crate) fn must_close(&self) -> bool {
        let longest = self.site.config.timeouts.max_connection_duration;
        self.drain.is_draining()
            || longest.is_some_and(|longest| {
                self.local
                    .worker
                    .now()
                    .saturating_duration_since(self.since)
                    >= longest
            })
    }
}

/// One request and all that becomes of it.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub(crate) downstream: &'a Downstream,
    pub(crate) request: RequestHead,
    pub(crate) framing: Framing,
    /// The client asks for another protocol, in HTTP/1.
    pub(crate) upgrade: bool,
    pub(crate) response: ResponseHead,
    pub(crate) timer: Deadline,
    pub(crate) record: Record,
    /// The client's connection ends after this response.
    pub(crate) close: bool,
    /// The client is a sidecar that introduced itself.
    pub(crate) wants_introduction: bool,
    /// Cookies that keep the client on its endpoint, made because it brought none.
    pub(crate) cookies: Vec<MadeCookie>,
}

/// What access logs and metrics tell about a request.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) start: Instant,
    pub(crate) status: u16,
    pub(crate) flags: ResponseFlags,
    pub(crate) details: Cow<'static, str>,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) request_head_bytes: u64,
    pub(crate) response_head_bytes: u64,
    pub(crate) route: Option<Arc<Route>>,
    pub(crate) cluster: Option<Rc<ClusterPool>>,
    pub(crate) endpoint: Option<Arc<Endpoint>>,
    pub(crate) upstream: Option<Rc<UpstreamFacts>>,
    pub(crate) upstream_failure: Option<String>,
    pub(crate) service_time: Option<Duration>,
    pub(crate) attempts: u32,
    pub(crate) grpc_status: Option<u32>,
    /// The workload on the other side, as it introduced itself.
    pub(crate) peer: Option<Rc<Workload>>,
}

impl Record {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            status: 0,
            flags: ResponseFlags::default(),
            details: Cow::Borrowed(""),
            bytes_received: 0,
            bytes_sent: 0,
            request_head_bytes: 0,
            response_head_bytes: 0,
            route: None,
            cluster: None,
            endpoint: None,
            upstream: None,
            upstream_failure: None,
            service_time: None,
            attempts: 0,
            grpc_status: None,
            peer: None,
        }
    }
}

impl<'a> Exchange<'a> {
    pub(crate) fn new(downstream: &'a Downstream) -> Self {
        let Spare {
            request,
            response,
            timer,
        } = downstream.local.spares.take();
        Self {
            downstream,
            request,
            framing: Framing::Empty,
            upgrade: false,
            response,
            timer,
            record: Record::new(downstream.local.worker.now()),
            close: false,
            wants_introduction: false,
            cookies: Vec::new(),
        }
    }

    /// Makes ready for the next request of the connection; memory stays.
    pub(crate) fn restart(&mut self) {
        self.request.clear();
        self.response.clear();
        self.upgrade = false;
        self.wants_introduction = false;
        self.cookies.clear();
        self.framing = Framing::Empty;
        self.close = false;
        self.record = Record::new(self.downstream.local.worker.now());
    }
}

impl Exchange<'_> {
    /// Whether its heads have grown beyond what is worth keeping.
    pub(crate) fn is_large(&self) -> bool {
        is_large(&self.request.fields) || is_large(&self.response.fields)
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        self.downstream.local.spares.give(Spare {
            request: std::mem::take(&mut self.request),
            response: std::mem::take(&mut self.response),
            timer: std::mem::take(&mut self.timer),
        });
    }
}

/// What the next exchange can use again: memory that has grown to what heads need, and a timer that is set already.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    request: RequestHead,
    response: ResponseHead,
    timer: Deadline,
}

/// Spares of one worker.
#[derive(Debug, Default)]
pub(crate) struct Spares(RefCell<Vec<Spare>>);

/// Spares that are kept for the next taker.
const KEPT: usize = 64;
/// Bytes of a head beyond which it is not kept.
const LARGEST_KEPT: usize = 8 * 1024;

fn is_large(fields: &Fields) -> bool {
    fields.buffer().len() > LARGEST_KEPT
}

impl Spares {
    fn take(&self) -> Spare {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    fn give(&self, mut spare: Spare) {
        let mut spares = self.0.borrow_mut();
        let large = is_large(&spare.request.fields) || is_large(&spare.response.fields);
        if spares.len() == KEPT || large {
            return;
        }
        spare.request.clear();
        spare.response.clear();
        spares.push(spare);
    }
}
