//! `inject -f`: the command that `tulle` and `tulle-injector` share.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::config::Config;
use crate::documents::inject_documents;

/// The Tulle sidecar injector.
///
/// Injects files. The admission webhook server is not part of this version: run `tulle-injector inject -f FILE`, or `tulle
/// inject`, before `kubectl apply`.
#[derive(Parser)]
#[command(name = "tulle-injector", version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TULLE_COMMIT"), ")"))]
struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inject(InjectArgs),
}

/// Runs `tulle-injector` with a command line, the first word of which is the program.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage.
pub fn main(args: impl IntoIterator<Item = String>) -> ExitCode {
    let Command::Inject(args) = match Program::try_parse_from(args) {
        Ok(program) => program.command,
        Err(error) => {
            // nobody is left to tell if the terminal is gone
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tulle-injector: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Add the sidecar to the pods and pod templates of a file, as the webhook would.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  tulle inject -f app.yaml | kubectl apply -f -
  helm template ./chart | tulle inject -f - -o injected.yaml
  tulle inject -f app.yaml --mesh-config mesh.yaml --image registry.example/tulle/proxy:1.0

What became of each object, and why, is said on standard error.")]
pub struct InjectArgs {
    /// File of YAML or JSON objects; `-` is standard input.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub filename: PathBuf,
    /// File to write; standard output if absent.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// MeshConfig of the mesh, YAML.
    #[arg(long, value_name = "FILE")]
    pub mesh_config: Option<PathBuf>,
    /// Image of the sidecar.
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// Revision of the control plane that serves the pods.
    #[arg(long, value_name = "NAME")]
    pub revision: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When a file cannot be read or written, or an object is refused.
pub fn run(args: &InjectArgs) -> Result<()> {
    let config = config(args)?;
    let injected = inject_documents(&read(&args.filename)?, &config)
        .with_context(|| format!("{} was not injected", args.filename.display()))?;
    for report in &injected.reports {
        eprintln!("{report}");
    }
    write(args.output.as_deref(), &injected.to_yaml()?)
}

fn config(args: &InjectArgs) -> Result<Config> {
    let mut config = Config::default();
    if let Some(path) = &args.mesh_config {
        config = config
            .with_mesh_config(&read(path)?)
            .with_context(|| path.display().to_string())?;
    }
    if let Some(image) = &args.image {
        config.image.clone_from(image);
    }
    if let Some(revision) = &args.revision {
        config.policy.revision.clone_from(revision);
    }
    Ok(config)
}

fn read(path: &Path) -> Result<String> {
    let mut text = String::new();
    let outcome = match path == Path::new("-") {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(path).map(|read| text = read),
    };
    outcome.with_context(|| format!("cannot read {}", path.display()))?;
    Ok(text)
}

fn write(path: Option<&Path>, text: &str) -> Result<()> {
    match path {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        }
        None => std::io::stdout()
            .write_all(text.as_bytes())
            .context("cannot write to standard output"),
    }
}
