//! Traffic capture: the redirect rules that bring a pod's connections to the proxy.
//!
//! Stands in for `istio-iptables` and `istio-clean-iptables`: it takes their flags and environment, plans the same
//! rules ([`rules`]), and installs them in the current network namespace as nftables over netlink or, where the
//! kernel has no nf_tables, as text for `iptables-restore`. It owns only what it installs: its own tables, chains, the
//! `::6` loopback address and, in TPROXY mode, one policy-routing rule and route. It knows nothing of pods or xDS.
//!
//! Order: the rules are in force before the sidecar starts, so that nothing leaves a pod beside it. The sidecar's own
//! traffic, xDS and certificates among it, is let through by its user, group or mark from its first packet on, and
//! answers are packets of connections that exist, which redirection never looks at (in TPROXY mode a mark on the
//! connection says so). Until the sidecar listens, connections of the application are refused, not let out.
//!
//! DNS capture is not offered, since the proxy does not answer DNS: the flag is refused, the environment variable
//! (which Istio's `proxyMetadata` spreads to every container) is answered with a warning.

mod address_family;
mod config;
mod error;
mod flags;
mod inbound;
mod iptables;
mod nftables;
mod outbound;
mod plan;
mod routes;
mod rule;
mod script;
mod tproxy;
mod validate;

use std::os::fd::AsFd;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub use config::{
    Backend, Config, GroupFilter, InterceptionMode, Ports, ProbeConfig, ProxyOwner, Ranges,
};
pub use error::CaptureError;
pub use flags::{CleanFlags, Flags};
pub use plan::rules;
pub use rule::{
    Action, Chain, ChainName, ConnState, Match, Rule, RuleSet, Table, TableName, Test, Transport,
};
pub use script::nft_script;

/// Does what the flags say: print, install, remove or validate the redirect rules of the current network namespace.
///
/// Blocks until done. Runs on a thread of its own, so that entering `--network-namespace` leaves the caller where it is.
///
/// # Errors
/// Names the flag, the missing backend or the kernel's answer; [`CaptureError::exit_code`] is what a program ends with.
pub fn run(flags: Flags) -> Result<(), CaptureError> {
    let config = Config::from_flags(flags)?;
    on_own_thread(move || async move {
        enter_namespace(&config)?;
        if !config.skip_rule_apply {
            apply(&config).await?;
        }
        match &config.validation {
            Some(probe) if !config.dry_run => validate::run(&config, probe).await,
            Some(_) | None => Ok(()),
        }
    })
}

/// Removes what [`run`] installed, from every backend that is present.
///
/// # Errors
/// When a backend is there but refuses; nothing installed is not an error.
pub fn clean(flags: CleanFlags) -> Result<(), CaptureError> {
    run(flags.into_flags())
}

async fn apply(config: &Config) -> Result<(), CaptureError> {
    if config.dry_run {
        print_plan(config);
        return Ok(());
    }
    if config.cleanup_only {
        return remove(config).await;
    }
    let rules = rules(config);
    install(config, &rules).await?;
    routes::install(config).await
}

fn print_plan(config: &Config) {
    if config.cleanup_only {
        for table in TableName::ALL {
            println!("destroy table inet {}", table.nft());
        }
        return;
    }
    print!("{}", nft_script(&rules(config)));
}

async fn install(config: &Config, rules: &RuleSet) -> Result<(), CaptureError> {
    match config.backend {
        Backend::Nftables => nftables::install(rules).await,
        Backend::Iptables(variant) => iptables::install(variant, rules).await,
        Backend::Detect => match nftables::install(rules).await {
            Err(missing @ CaptureError::NoNftables { .. }) => {
                tracing::warn!("{missing}; falling back to iptables-restore");
                iptables::install(iptables::Variant::Default, rules)
                    .await
                    .map_err(|iptables| CaptureError::no_backend(missing, iptables))
            }
            done => done,
        },
    }
}

async fn remove(config: &Config) -> Result<(), CaptureError> {
    let nft = match config.backend {
        Backend::Iptables(_) => Ok(()),
        Backend::Nftables | Backend::Detect => nftables::remove().await,
    };
    let variant = match config.backend {
        Backend::Iptables(variant) => variant,
        Backend::Nftables | Backend::Detect => iptables::Variant::Default,
    };
    let iptables = match config.backend {
        Backend::Nftables => Ok(()),
        Backend::Iptables(_) | Backend::Detect => iptables::remove(variant).await,
    };
    routes::remove(config).await?;
    match (nft, iptables) {
        // With one backend absent there is nothing of ours in it.
        (Err(CaptureError::NoNftables { .. }), iptables) => iptables,
        (nft, Err(CaptureError::NoIptables { .. })) => nft,
        (nft, iptables) => nft.and(iptables),
    }
}

fn enter_namespace(config: &Config) -> Result<(), CaptureError> {
    let Some(path) = &config.network_namespace else {
        return Ok(());
    };
    let failed = |cause: std::io::Error| CaptureError::Namespace {
        path: path.clone(),
        cause,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
        .map_err(|errno| failed(errno.into()))
}

fn on_own_thread<F, Fut>(body: F) -> Result<(), CaptureError>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), CaptureError>>,
{
    let thread = std::thread::Builder::new()
        .name("capture".to_owned())
        .spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(CaptureError::Runtime)?
                .block_on(body())
        });
    thread
        .map_err(CaptureError::Runtime)?
        .join()
        .expect("capture does not panic")
}
