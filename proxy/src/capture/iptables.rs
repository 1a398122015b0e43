//! The iptables backend: text for `iptables-restore` and `ip6tables-restore`, for kernels without nf_tables.
//!
//! Each built-in chain gets one jump to a chain of ours, so that removing ours cannot touch a rule of somebody else. One
//! run of the restore program per table set removes what an earlier run left and adds the new rules, atomically
//! per table.

mod text;

use std::io;
use std::path::Path;
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::address_family::AddressFamily;
use super::error::CaptureError;
use super::rule::RuleSet;

/// Which iptables programs are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// The system's choice.
    Default,
    /// The `xtables-legacy` programs.
    Legacy,
    /// The `xtables-nft` programs.
    Nft,
}

/// Replaces our chains by the given rules.
pub(super) async fn install(variant: Variant, rules: &RuleSet) -> Result<(), CaptureError> {
    for family in families() {
        let saved = save(variant, family).await?;
        restore(variant, family, &text::replace(&saved, rules, family)).await?;
    }
    Ok(())
}

/// Removes our chains.
pub(super) async fn remove(variant: Variant) -> Result<(), CaptureError> {
    for family in families() {
        let saved = save(variant, family).await?;
        let script = text::replace(&saved, &RuleSet::default(), family);
        if !script.is_empty() {
            restore(variant, family, &script).await?;
        }
    }
    Ok(())
}

/// IPv4, and IPv6 where the kernel has it.
fn families() -> impl Iterator<Item = AddressFamily> {
    let v6 = Path::new("/proc/net/if_inet6").exists();
    AddressFamily::BOTH
        .into_iter()
        .filter(move |family| match family {
            AddressFamily::V4 => true,
            AddressFamily::V6 => v6,
        })
}

fn program(variant: Variant, family: AddressFamily, verb: &str) -> String {
    let stem = match family {
        AddressFamily::V4 => "iptables",
        AddressFamily::V6 => "ip6tables",
    };
    match variant {
        Variant::Default => format!("{stem}-{verb}"),
        Variant::Legacy => format!("{stem}-legacy-{verb}"),
        Variant::Nft => format!("{stem}-nft-{verb}"),
    }
}

async fn save(variant: Variant, family: AddressFamily) -> Result<String, CaptureError> {
    let program = program(variant, family, "save");
    let output = Command::new(&program)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|cause| CaptureError::NoIptables {
            program: program.clone(),
            cause,
        })?;
    successful(program, &output)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

async fn restore(
    variant: Variant,
    family: AddressFamily,
    script: &str,
) -> Result<(), CaptureError> {
    let program = program(variant, family, "restore");
    tracing::debug!("{program} --noflush:\n{script}");
    let output = feed(&program, script)
        .await
        .map_err(|cause| CaptureError::NoIptables {
            program: program.clone(),
            cause,
        })?;
    successful(program, &output)
}

async fn feed(program: &str, script: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .arg("--noflush")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(script.as_bytes()).await?;
    drop(stdin);
    child.wait_with_output().await
}

fn successful(program: String, output: &Output) -> Result<(), CaptureError> {
    if output.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(CaptureError::IptablesFailed { program, stderr })
}
