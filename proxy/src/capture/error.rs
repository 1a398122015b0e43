//! What can go wrong in capture, and what to do about it.

use std::io;
use std::path::PathBuf;

/// Why capture did not do what its flags asked for.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A flag or environment variable has a value that cannot be used.
    #[error("--{flag} {value:?}: {problem}")]
    InvalidFlag {
        /// Long name of the flag.
        flag: &'static str,
        /// The value given.
        value: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// A flag of `istio-iptables` that this program does not offer.
    #[error("--{flag} is not supported: {hint}")]
    Unsupported {
        /// Long name of the flag.
        flag: &'static str,
        /// What to do instead.
        hint: &'static str,
    },
    /// The network namespace could not be entered.
    #[error("cannot enter network namespace {}: {cause}; it needs CAP_SYS_ADMIN and a path such as /proc/PID/ns/net", path.display())]
    Namespace {
        /// As given.
        path: PathBuf,
        /// The kernel's answer.
        cause: io::Error,
    },
    /// The kernel has no nf_tables, or not the parts that are needed.
    #[error(
        "nftables is not usable in this kernel ({reason}); load the nf_tables, nft_redir and nft_tproxy modules"
    )]
    NoNftables {
        /// What was tried, and the answer.
        reason: String,
    },
    /// The iptables programs are not there.
    #[error("cannot run {program}: {cause}; install iptables")]
    NoIptables {
        /// The program.
        program: String,
        /// The answer.
        cause: io::Error,
    },
    /// Neither backend is usable.
    #[error(
        "no way to install redirect rules: neither nftables ({nftables}) nor iptables-restore ({iptables}); load nf_tables or install iptables"
    )]
    NoBackend {
        /// Why nftables failed.
        nftables: Box<CaptureError>,
        /// Why iptables failed.
        iptables: Box<CaptureError>,
    },
    /// The kernel does not let us.
    #[error(
        "not allowed to change {what}: {reason}; capture needs CAP_NET_ADMIN in the network namespace's user namespace"
    )]
    NotAllowed {
        /// What was to be changed.
        what: &'static str,
        /// The kernel's answer.
        reason: String,
    },
    /// The kernel refused for another reason.
    #[error("the kernel refused {what}: {reason}")]
    Refused {
        /// What was to be changed.
        what: &'static str,
        /// The kernel's answer.
        reason: String,
    },
    /// An iptables program ended with a failure.
    #[error("{program} failed: {stderr}; `tulle-proxy capture --dry-run` prints the rules")]
    IptablesFailed {
        /// The program.
        program: String,
        /// What it said.
        stderr: String,
    },
    /// The rules are not in effect.
    #[error(
        "validation failed: {problem}; the pod's traffic does not reach the proxy, so the redirect rules are missing or were changed"
    )]
    NotCaptured {
        /// What was tried and what came of it.
        problem: String,
    },
    /// The thread or runtime could not be started.
    #[error("cannot start the capture thread: {0}")]
    Runtime(io::Error),
}

impl CaptureError {
    /// The exit code for a program that ends with this error: 126 for failed validation, as `istio-validation` does,
    /// 2 for wrong usage, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NotCaptured { .. } => 126,
            Self::InvalidFlag { .. } | Self::Unsupported { .. } => 2,
            Self::Namespace { .. }
            | Self::NoNftables { .. }
            | Self::NoIptables { .. }
            | Self::NoBackend { .. }
            | Self::NotAllowed { .. }
            | Self::Refused { .. }
            | Self::IptablesFailed { .. }
            | Self::Runtime(_) => 1,
        }
    }

    pub(crate) fn no_backend(nftables: Self, iptables: Self) -> Self {
        Self::NoBackend {
            nftables: Box::new(nftables),
            iptables: Box::new(iptables),
        }
    }

    pub(crate) fn netlink(what: &'static str, error: &nlink::Error) -> Self {
        let reason = error.to_string();
        if error.is_permission_denied() {
            Self::NotAllowed { what, reason }
        } else {
            Self::Refused { what, reason }
        }
    }
}
