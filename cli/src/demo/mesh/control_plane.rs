//! The process of the control plane.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tokio::process::{Child, Command};
use xds_proto::well_known::port;

use super::Folders;
use crate::demo::isolation::Isolation;
use crate::demo::pod::contained;

/// Port of its debug interface, which is not to meet that of another demo.
const DEBUG_PORT: u16 = 15014;

/// How it is started.
pub(super) struct Settings<'a> {
    pub(super) registry: &'a Path,
    pub(super) address: Ipv4Addr,
    pub(super) isolation: Isolation,
    pub(super) verbose: bool,
}

pub(super) fn start(folders: &Folders, settings: &Settings<'_>) -> anyhow::Result<Child> {
    let Settings {
        registry,
        address,
        isolation,
        verbose,
    } = *settings;
    let at = |port: u16| format!("{address}:{port}");
    let log = if verbose {
        Stdio::inherit()
    } else {
        std::fs::File::create(folders.state.join("control-plane.log"))?.into()
    };
    let data = folders.state.join("control-plane");
    let mut argv = vec![
        folders.program.clone(),
        "control-plane".to_owned(),
        format!("--registry=file:{}", registry.display()),
        format!("--data-dir={}", data.display()),
        format!("--xds-address={}", at(port::XDS_TLS)),
    ];
    match isolation {
        Isolation::Root | Isolation::User => {
            argv.push(format!("--xds-plaintext={}", at(port::XDS_PLAINTEXT)));
        }
        // every user of the machine reaches these ports: whoever asks here says who he is
        Isolation::Ports => {
            argv.push(format!("--debug-address={}", at(DEBUG_PORT)));
            argv = contained(&folders.program, &argv);
        }
    }
    let (program, arguments) = argv.split_first().context("the program comes first")?;
    Command::new(program)
        .args(arguments)
        .process_group(0) // Ctrl-C in a terminal is the demo's business
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the control plane")
}

/// The root certificate that it writes once it runs.
pub(super) async fn wait_for_root(
    file: &Path,
    control_plane: &mut Child,
    state: &Path,
) -> anyhow::Result<String> {
    for _ in 0..1000 {
        if let Ok(root) = std::fs::read_to_string(file)
            && root.contains("END CERTIFICATE")
        {
            return Ok(root);
        }
        if let Some(status) = control_plane.try_wait()? {
            let log = std::fs::read_to_string(state.join("control-plane.log")).unwrap_or_default();
            anyhow::bail!("the control plane ended with {status}:\n{log}");
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    anyhow::bail!(
        "the control plane wrote no root certificate to {}",
        file.display()
    )
}
