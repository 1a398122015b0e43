//! The search in a route table: virtual host by authority, then the first route that matches.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

use super::matching::RequestFacts;
use super::{Route, RouteTable, VirtualHost};
use crate::matcher::HeaderLookup;

/// Virtual hosts by domain. Envoy's order: exact, the longest `*suffix`, the longest `prefix*`, `*`.
#[derive(Debug, Default)]
pub struct HostIndex {
    exact: HashMap<Arc<str>, u32>,
    /// Longest first.
    suffixes: Vec<(usize, HashMap<Box<str>, u32>)>,
    /// Longest first.
    prefixes: Vec<(usize, HashMap<Box<str>, u32>)>,
    any: Option<u32>,
}

/// One domain stands in two virtual hosts: the table is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("domain {0:?} stands in more than one virtual host; every domain may stand once")]
pub struct DuplicateDomain(pub Arc<str>);

/// What a route table says about a request.
#[derive(Debug, Clone, Copy)]
pub struct RouteDecision<'a> {
    /// The virtual host.
    pub virtual_host: &'a Arc<VirtualHost>,
    /// The route.
    pub route: &'a Arc<Route>,
}

/// No route for a request.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum NoRoute<'a> {
    /// No virtual host has its authority.
    #[error("no virtual host serves this authority")]
    NoVirtualHost,
    /// The virtual host has no route for it.
    #[error("no route of virtual host {:?} matches", .0.name)]
    NoRoute(&'a Arc<VirtualHost>),
    /// The virtual host wants TLS: the client is to be redirected to `https`.
    #[error("virtual host {:?} is served over TLS only", .0.name)]
    TlsRequired(&'a Arc<VirtualHost>),
}

impl<'a> RouteDecision<'a> {
    /// The first route of a virtual host that matches a request.
    ///
    /// # Errors
    /// When none does.
    pub(crate) fn find<H: HeaderLookup>(
        virtual_host: &'a Arc<VirtualHost>,
        facts: &RequestFacts<'_, H>,
    ) -> Result<Self, NoRoute<'a>> {
        let mut routes = virtual_host.routes.iter();
        let route = routes.find(|route| route.matching.matches(facts));
        Ok(Self {
            virtual_host,
            route: route.ok_or(NoRoute::NoRoute(virtual_host))?,
        })
    }
}

impl HostIndex {
    /// Indexes the domains of virtual hosts.
    ///
    /// # Errors
    /// When a domain stands twice.
    pub fn new(hosts: &[Arc<VirtualHost>]) -> Result<Self, DuplicateDomain> {
        let mut index = Self {
            exact: HashMap::with_capacity(hosts.iter().map(|host| host.domains.len()).sum()),
            ..Self::default()
        };
        for (at, host) in (0u32..).zip(hosts) {
            for domain in &host.domains {
                if index.insert(domain, at) {
                    return Err(DuplicateDomain(Arc::clone(domain)));
                }
            }
        }
        index.suffixes.sort_by_key(|(len, _)| Reverse(*len));
        index.prefixes.sort_by_key(|(len, _)| Reverse(*len));
        Ok(index)
    }

    /// True when the domain was there already.
    fn insert(&mut self, domain: &Arc<str>, at: u32) -> bool {
        if &**domain == "*" {
            return self.any.replace(at).is_some();
        }
        if let Some(suffix) = domain.strip_prefix('*') {
            return insert_by_length(&mut self.suffixes, suffix, at);
        }
        if let Some(prefix) = domain.strip_suffix('*') {
            return insert_by_length(&mut self.prefixes, prefix, at);
        }
        self.exact.insert(Arc::clone(domain), at).is_some()
    }

    /// The virtual host for a lower-case authority.
    fn find(&self, host: &str) -> Option<u32> {
        if let Some(at) = self.exact.get(host) {
            return Some(*at);
        }
        self.suffix(host).or_else(|| self.prefix(host)).or(self.any)
    }

    fn suffix(&self, host: &str) -> Option<u32> {
        self.suffixes.iter().find_map(|(len, map)| {
            let at = host.len().checked_sub(*len).filter(|at| *at > 0)?;
            map.get(host.get(at..)?).copied()
        })
    }

    fn prefix(&self, host: &str) -> Option<u32> {
        self.prefixes.iter().find_map(|(len, map)| {
            let head = host.get(..*len).filter(|head| head.len() < host.len())?;
            map.get(head).copied()
        })
    }
}

fn insert_by_length(
    lengths: &mut Vec<(usize, HashMap<Box<str>, u32>)>,
    text: &str,
    at: u32,
) -> bool {
    match lengths.iter_mut().find(|(len, _)| *len == text.len()) {
        Some((_, map)) => map.insert(text.into(), at).is_some(),
        None => {
            lengths.push((text.len(), HashMap::from_iter([(text.into(), at)])));
            false
        }
    }
}

impl RouteTable {
    /// The virtual host and the route for a request.
    ///
    /// # Errors
    /// When there is none, or when the virtual host wants TLS and the request came without.
    pub fn find<H: HeaderLookup>(
        &self,
        facts: &RequestFacts<'_, H>,
    ) -> Result<RouteDecision<'_>, NoRoute<'_>> {
        RouteDecision::find(self.find_virtual_host(facts)?, facts)
    }

    /// The virtual host for a request.
    ///
    /// # Errors
    /// When there is none, or when it wants TLS and the request came without.
    pub(crate) fn find_virtual_host<H: HeaderLookup>(
        &self,
        facts: &RequestFacts<'_, H>,
    ) -> Result<&Arc<VirtualHost>, NoRoute<'_>> {
        let virtual_host = self
            .virtual_host(facts.authority)
            .ok_or(NoRoute::NoVirtualHost)?;
        if virtual_host
            .require_tls
            .refuses(facts.secure, facts.internal)
        {
            return Err(NoRoute::TlsRequired(virtual_host));
        }
        Ok(virtual_host)
    }

    /// The virtual host for an authority.
    pub fn virtual_host(&self, authority: &str) -> Option<&Arc<VirtualHost>> {
        let host = if self.ignore_port {
            without_port(authority)
        } else {
            authority
        };
        let host = lower(host);
        self.index
            .find(&host)
            .map(|at| &self.virtual_hosts[at as usize])
    }
}

impl super::RequireTls {
    fn refuses(self, secure: bool, internal: bool) -> bool {
        match self {
            Self::None => false,
            Self::ExternalOnly => !secure && !internal,
            Self::All => !secure,
        }
    }
}

fn lower(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

/// The authority without its port; IPv6 literals keep their brackets.
pub fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|b| b.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']')) =>
        {
            host
        }
        Some(_) | None => authority,
    }
}

#[cfg(test)]
mod tests;
