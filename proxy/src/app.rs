//! The wiring: flags become a configuration, everything is bound, then everything runs. The only module that knows all
//! others.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;

use crate::capture;
use crate::config::bootstrap;
use crate::config::flags::{self, Command, Flags, RunFlags, SdsFlags};
use crate::config::sidecar::{Environment, Sidecar, SidecarFlags};

mod ask;
mod concurrency;
mod run;
mod sds;
mod version;

pub use version::VERSION;

/// Runs `tulle-proxy` with a command line, the first word of which is the program.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage; `capture --run-validation` ends with 126 where the rules do not work,
/// as Istio's validation does.
pub fn run(args: impl IntoIterator<Item = String>) -> ExitCode {
    let flags = match flags::parse(args) {
        Ok(flags) => flags,
        Err(error) => {
            // nobody is left to tell if the terminal is gone
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match execute(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "tulle-proxy: {error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<capture::CaptureError>() {
        Some(error) => error.exit_code(),
        None => 1,
    }
}

fn execute(flags: Flags) -> anyhow::Result<()> {
    let env = flags::environment();
    match flags.command {
        None => serve(flags.run, &SidecarFlags::default(), &env),
        Some(Command::Proxy(proxy)) => serve(proxy.run(), &proxy.sidecar(), &env),
        Some(Command::Capture(capture)) => {
            log_to_stderr();
            Ok(capture::run(capture)?)
        }
        Some(Command::CleanCapture(clean)) => {
            log_to_stderr();
            Ok(capture::clean(clean)?)
        }
        Some(Command::Wait(wait)) => ask::wait(&wait),
        Some(Command::Request(request)) => ask::request(&request),
        Some(Command::Sds(sds)) => serve_secrets(&sds, &env),
    }
}

/// Runs the proxy: from a file where one is named, else from the environment of an injected sidecar.
fn serve(flags: RunFlags, sidecar: &SidecarFlags, env: &Environment) -> anyhow::Result<()> {
    let (levels, unknown) = flags.levels()?;
    let log = crate::logging::init(levels, flags.log_format.unwrap_or_default());
    for scope in unknown {
        tracing::info!("log scope {scope} is not one of this proxy's; its level has no effect");
    }
    let sidecar_flags = SidecarFlags {
        root_dir: flags.root_dir.clone().or_else(|| sidecar.root_dir.clone()),
        ..sidecar.clone()
    };
    let (bootstrap, sidecar) = match &flags.config_path {
        Some(path) => (bootstrap::load(path)?, None),
        None => {
            let sidecar = Sidecar::read(env, &sidecar_flags)
                .context("no bootstrap file was named with -c, and the environment does not describe a sidecar")?;
            (sidecar.bootstrap.clone(), Some(sidecar))
        }
    };
    run::run(run::Start {
        bootstrap: overridden(bootstrap, &flags),
        sidecar,
        flags,
        log,
        cpu_limit: concurrency::limit(env),
    })
}

fn overridden(mut bootstrap: bootstrap::Bootstrap, flags: &RunFlags) -> bootstrap::Bootstrap {
    if let Some(id) = &flags.service_node {
        id.clone_into(&mut bootstrap.node.id);
    }
    if let Some(cluster) = &flags.service_cluster {
        cluster.clone_into(&mut bootstrap.node.cluster);
    }
    bootstrap.admin = flags.admin().or(bootstrap.admin);
    if let (Some(admin), Some(ip)) = (&mut bootstrap.admin, flags.own_address) {
        admin.set_ip(ip);
    }
    bootstrap
}

/// The log of a command that does its work and ends.
fn log_to_stderr() {
    crate::logging::init(Default::default(), Default::default());
}

fn serve_secrets(flags: &SdsFlags, env: &Environment) -> anyhow::Result<()> {
    crate::logging::init(
        flags.log_level.clone().unwrap_or_default(),
        crate::logging::LogFormat::Text,
    );
    let sidecar_flags = SidecarFlags {
        root_dir: flags.root_dir.clone(),
        domain: None,
    };
    sds::serve(&flags.socket, Sidecar::read(env, &sidecar_flags)?)
}
