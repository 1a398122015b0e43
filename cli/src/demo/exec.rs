//! Commands in a pod of the running demo, as `kubectl exec` runs them: `tulle exec POD -- curl http://server/`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitCode, Stdio};

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::Command;

use super::door::{self, DemoName, Visit};

/// Flags of `tulle exec`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tulle exec client -- curl -s http://server/
  tulle exec --demo second server-v1 -- env")]
pub(crate) struct ExecFlags {
    /// The pod
    pod: String,
    /// Program and arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    #[command(flatten)]
    demo: DemoName,
}

/// How a command ended.
#[derive(Debug, Serialize, Deserialize)]
struct Ended {
    code: u8,
    stdout: String,
    stderr: String,
}

/// Runs a command in a pod and passes on its output and exit code.
pub(crate) fn run(flags: ExecFlags) -> anyhow::Result<ExitCode> {
    let answer = door::ask(
        &flags.demo,
        &Visit::Exec {
            pod: flags.pod,
            argv: flags.command,
        },
    )?;
    let ended: Ended = serde_json::from_str(&answer)?;
    print!("{}", ended.stdout);
    eprint!("{}", ended.stderr);
    Ok(ExitCode::from(ended.code))
}

/// Asks a pod runtime to run a command.
pub(super) async fn ask(socket: &Path, argv: &[String]) -> anyhow::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&serde_json::to_vec(argv)?).await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// Runs what is asked for, inside the pod.
pub(super) async fn serve(listener: UnixListener, variables: BTreeMap<String, String>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve_one(stream, variables.clone()));
    }
}

async fn serve_one(
    mut stream: UnixStream,
    variables: BTreeMap<String, String>,
) -> anyhow::Result<()> {
    let mut request = Vec::new();
    stream.read_to_end(&mut request).await?;
    let argv: Vec<String> = serde_json::from_slice(&request)?;
    let (program, arguments) = argv
        .split_first()
        .ok_or_else(|| anyhow::anyhow!("no program"))?;
    let output = Command::new(program)
        .args(arguments)
        .envs(variables)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let ended = match output {
        Ok(output) => Ended {
            code: output
                .status
                .code()
                .and_then(|code| code.try_into().ok())
                .unwrap_or(u8::MAX),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        Err(error) => Ended {
            code: 127,
            stdout: String::new(),
            stderr: format!("{program}: {error}\n"),
        },
    };
    Ok(stream.write_all(&serde_json::to_vec(&ended)?).await?)
}
