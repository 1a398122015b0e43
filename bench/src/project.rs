//! Where the project is that is measured: its scripts install peers, its `target` takes them and the reports.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What every checkout has.
const SCRIPT: &str = ".ci/install-peers";

/// A checkout of the project.
#[derive(Clone, Debug)]
pub(crate) struct Project(PathBuf);

impl Project {
    /// The named folder, or the first one above the working directory or this program that is a checkout.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(named: Option<&Path>) -> anyhow::Result<Project> {
        let here = std::env::current_dir().context("there is no working directory")?;
        if let Some(named) = named {
            let folder = here.join(named);
            if !folder.join(SCRIPT).exists() {
                bail!("--project {}: it has no {SCRIPT}", named.display());
            }
            return Ok(Project(folder));
        }
        let program = std::env::current_exe().unwrap_or_default();
        let above = here.ancestors().chain(program.ancestors().skip(1));
        let found = above
            .into_iter()
            .find(|folder| folder.join(SCRIPT).exists());
        let found = found.with_context(|| {
            format!(
                "no folder above {} has {SCRIPT}; run this inside of a checkout of Tulle, or name one with --project",
                here.display()
            )
        })?;
        Ok(Project(found.to_owned()))
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The script that installs peers.
    pub(crate) fn installer(&self) -> PathBuf {
        self.0.join(SCRIPT)
    }

    /// Where the script puts them.
    pub(crate) fn tools(&self) -> PathBuf {
        self.0.join("target/tools")
    }

    /// Where reports go if nobody says so.
    pub(crate) fn reports(&self) -> PathBuf {
        self.0.join("target/bench")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_is_found_from_within_and_a_wrong_name_is_told() {
        let found = Project::find(None).expect("tests run in a checkout");
        assert!(found.installer().exists());
        let error = Project::find(Some(Path::new("/nowhere"))).expect_err("there is none");
        assert!(error.to_string().contains("--project /nowhere"), "{error}");
    }
}
