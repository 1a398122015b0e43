//! `token create`: flags and what they do.

use std::path::PathBuf;

use clap::Args;
use xds_proto::mesh::Duration;

use crate::data_dir::DataDir;

use super::{ServiceAccount, TokenError, TokenKey};

/// Sign a join token: a workload outside Kubernetes proves its service account with it.
#[derive(Debug, Clone, Args)]
pub struct Create {
    /// Namespace of the workload
    #[arg(short, long, value_name = "NS")]
    pub namespace: String,

    /// Service account of the workload
    #[arg(long, value_name = "SA")]
    pub service_account: String,

    /// How long the token is good for, such as 30m, 1h or 168h
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub ttl: Duration,

    /// The control plane's --data-dir: its key signs, and is made when there is none yet
    #[arg(
        long,
        value_name = "DIR",
        env = "TULLE_DATA_DIR",
        default_value = "/var/lib/tulle"
    )]
    pub data_dir: PathBuf,
}

impl Create {
    /// The token, ready to be printed.
    ///
    /// # Errors
    /// Names that Kubernetes would refuse, a lifetime of zero, a key that can't be read: the message says what to do.
    pub fn run(&self) -> Result<String, TokenError> {
        let account = ServiceAccount::new(&self.namespace, &self.service_account)?;
        let key = TokenKey::open(&DataDir::open(&self.data_dir)?)?;
        key.mint(&account, self.ttl.0)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        create: Create,
    }

    #[test]
    fn a_token_is_signed_with_the_key_of_the_data_directory() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = tmp.path().to_str().unwrap();
        let flags = [
            "token",
            "--namespace",
            "default",
            "--service-account",
            "reviews",
        ];
        let more = ["--ttl", "30m", "--data-dir", dir];
        let cli = Cli::try_parse_from(flags.iter().chain(&more)).unwrap();
        let token = cli.create.run().unwrap();
        let key = TokenKey::open(&DataDir::open(tmp.path()).unwrap()).unwrap();
        assert_eq!(
            key.verify(&token).unwrap(),
            ServiceAccount::new("default", "reviews").unwrap()
        );
    }

    #[test]
    fn a_lifetime_that_is_no_duration_is_wrong_usage() {
        let args = [
            "token",
            "-n",
            "a",
            "--service-account",
            "b",
            "--ttl",
            "long",
        ];
        assert_eq!(Cli::try_parse_from(args).err().unwrap().exit_code(), 2);
    }
}
