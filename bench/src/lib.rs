//! Measurements of Tulle beside its peers: a load generator, a backend, scenarios, peers, reports.

mod ads;
mod app;
mod backend;
mod certificate;
mod compare;
mod connection;
mod cores;
mod exchange;
mod figure;
mod forward;
mod http2;
mod line;
mod load;
mod measure;
mod partial;
mod pattern;
mod peer;
mod poller;
mod process;
mod project;
mod report;
mod scenario;
mod topology;

pub use app::run;
