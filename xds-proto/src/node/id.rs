//! `sidecar~10.0.0.7~reviews-v1.default~default.svc.cluster.local`

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What a proxy is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProxyKind {
    /// Beside one workload.
    Sidecar,
    /// A gateway at the edge of the mesh.
    Router,
    /// A proxy shared by the workloads of a namespace.
    Waypoint,
    /// A proxy shared by the workloads of a node.
    Ztunnel,
}

impl ProxyKind {
    /// The word used in node ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sidecar => "sidecar",
            Self::Router => "router",
            Self::Waypoint => "waypoint",
            Self::Ztunnel => "ztunnel",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Sidecar, Self::Router, Self::Waypoint, Self::Ztunnel]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of a proxy, unique in its mesh: `KIND~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// What the proxy is used for.
    pub kind: ProxyKind,
    /// First address of the workload.
    pub ip: IpAddr,
    /// Name of the pod (or of the machine).
    pub pod: String,
    /// Namespace of the pod.
    pub namespace: String,
    /// DNS domain of the cluster, usually `cluster.local`.
    pub domain: String,
}

impl NodeId {
    /// The DNS domain in which the proxy resolves short names: `NAMESPACE.svc.DOMAIN`.
    pub fn dns_domain(&self) -> String {
        format!("{}.svc.{}", self.namespace, self.domain)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            ip,
            pod,
            namespace,
            domain,
        } = self;
        write!(f, "{kind}~{ip}~{pod}.{namespace}~{namespace}.svc.{domain}")
    }
}

/// A text that is not a node id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a node id: {why}; expected `KIND~IP~POD.NAMESPACE~NAMESPACE.svc.DOMAIN`")]
pub struct InvalidNodeId {
    text: String,
    why: &'static str,
}

impl FromStr for NodeId {
    type Err = InvalidNodeId;

    fn from_str(text: &str) -> Result<Self, InvalidNodeId> {
        parse(text).map_err(|why| InvalidNodeId {
            text: text.to_owned(),
            why,
        })
    }
}

fn parse(text: &str) -> Result<NodeId, &'static str> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains white space or control characters");
    }
    let mut parts = text.split('~');
    let (Some(kind), Some(ip), Some(workload), Some(dns_domain), None) = (
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err("it does not have four parts separated by `~`");
    };
    let kind =
        ProxyKind::parse(kind).ok_or("the kind is not sidecar, router, waypoint or ztunnel")?;
    let ip = ip
        .parse()
        .map_err(|_| "the second part is not an IP address")?;
    let (pod, namespace) = workload
        .rsplit_once('.')
        .ok_or("the third part has no `.NAMESPACE`")?;
    if pod.is_empty() || namespace.is_empty() {
        return Err("pod or namespace is empty");
    }
    let domain = dns_domain
        .strip_prefix(namespace)
        .and_then(|rest| rest.strip_prefix(".svc."))
        .filter(|domain| !domain.is_empty())
        .ok_or("the fourth part is not `NAMESPACE.svc.DOMAIN` with the namespace of the third")?;
    Ok(NodeId {
        kind,
        ip,
        pod: pod.to_owned(),
        namespace: namespace.to_owned(),
        domain: domain.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses() {
        let text = "sidecar~10.0.0.7~reviews-v1.2.default~default.svc.cluster.local";
        let id: NodeId = text.parse().expect("a node id");
        assert_eq!(id.kind, ProxyKind::Sidecar);
        assert_eq!(id.pod, "reviews-v1.2");
        assert_eq!(id.namespace, "default");
        assert_eq!(id.domain, "cluster.local");
        assert_eq!(id.dns_domain(), "default.svc.cluster.local");
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn takes_ipv6_and_every_kind() {
        for kind in ["sidecar", "router", "waypoint", "ztunnel"] {
            let text = format!("{kind}~2001:db8::1~p.ns~ns.svc.example.org");
            assert_eq!(text.parse::<NodeId>().expect(&text).to_string(), text);
        }
    }

    #[test]
    fn says_which_part_is_wrong() {
        let cases = [
            ("", "four parts"),
            ("a~b~c", "four parts"),
            ("a~b~c~d~e", "four parts"),
            ("proxy~10.0.0.7~p.ns~ns.svc.cluster.local", "kind"),
            ("sidecar~host~p.ns~ns.svc.cluster.local", "IP address"),
            ("sidecar~10.0.0.7~p~ns.svc.cluster.local", "NAMESPACE"),
            ("sidecar~10.0.0.7~.ns~ns.svc.cluster.local", "empty"),
            (
                "sidecar~10.0.0.7~p.ns~other.svc.cluster.local",
                "fourth part",
            ),
            ("sidecar~10.0.0.7~p.ns~ns.svc.", "fourth part"),
            ("sidecar~10.0.0.7~p q.ns~ns.svc.x", "white space"),
        ];
        for (text, why) in cases {
            let refused = text.parse::<NodeId>().expect_err(text).to_string();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
