//! The authorities under which a service is known to a client.

use crate::scope::{ProxyClass, ScopedService};
use std::collections::HashSet;
use std::net::IpAddr;

/// The domains that a table has given away: a proxy refuses a table in which one occurs twice.
#[derive(Default)]
pub(super) struct Domains(HashSet<String>);

impl Domains {
    /// Those of `wanted` that nobody has yet, in order. Whoever asks first gets them.
    pub(super) fn claim(&mut self, wanted: Vec<String>) -> Vec<String> {
        wanted
            .into_iter()
            .filter(|domain| self.0.insert(domain.to_ascii_lowercase()))
            .collect()
    }
}

/// The names and addresses of a service.
pub(super) fn of_service(class: &ProxyClass, service: &ScopedService, port: u16) -> Vec<String> {
    let service_ = &service.service;
    let mut hosts = names(class, &service_.host, &service_.namespace);
    if service_.headless {
        let pods: Vec<_> = hosts
            .iter()
            .filter(|host| !host.starts_with('*'))
            .map(|host| format!("*.{host}"))
            .collect();
        hosts.extend(pods);
    }
    let single = service_
        .addresses
        .iter()
        .filter(|net| net.prefix_len() == net.max_prefix_len());
    hosts.extend(single.map(|net| match net.addr() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }));
    with_port(hosts, port)
}

/// The names of a host that is no service.
pub(super) fn of_host(class: &ProxyClass, host: &str, namespace: &str, port: u16) -> Vec<String> {
    with_port(names(class, host, namespace), port)
}

/// The full name, with a dot at its end, and all shorter forms that resolvers in the client's namespace complete.
fn names(class: &ProxyClass, host: &str, namespace: &str) -> Vec<String> {
    if host == "*" {
        return vec![host.to_owned()];
    }
    let mut names = vec![host.to_owned(), format!("{host}.")];
    let domain = &*class.dns_domain;
    let inside = host
        .strip_suffix(domain)
        .and_then(|rest| rest.strip_suffix('.'));
    let own = inside
        .and_then(|rest| rest.strip_suffix(namespace))
        .and_then(|rest| rest.strip_suffix('.'));
    // A wildcard or a deeper name is not what a resolver would complete.
    if let (Some(inside), Some(name)) = (inside, own)
        && !name.contains(['*', '.'])
    {
        if *class.namespace == *namespace {
            names.push(name.to_owned());
        }
        names.push(inside.to_owned());
        let mut tail = domain.split('.');
        if let Some(first) = tail.next() {
            names.push(format!("{inside}.{first}"));
        }
    }
    names
}

/// Each form alone and with the port.
fn with_port(hosts: Vec<String>, port: u16) -> Vec<String> {
    hosts
        .into_iter()
        .flat_map(|host| {
            if host == "*" {
                vec![host]
            } else {
                vec![host.clone(), format!("{host}:{port}")]
            }
        })
        .collect()
}
