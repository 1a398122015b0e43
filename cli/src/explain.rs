//! `tulle explain`: which listener, chain, route, policy, cluster and endpoint a request meets, and which object and
//! rule decided. The running proxy answers, with the very functions that serve its traffic.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::demo::{self, DemoName, Visit};

/// Flags of `tulle explain`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tulle explain --from client --to http://server/cart
  tulle explain --from client --to http://server/ -X POST -H 'x-user: jo' -o json
  tulle explain --from client --to tcp://ledger:9000")]
pub(crate) struct ExplainFlags {
    /// The pod that sends the request
    #[arg(long, value_name = "POD")]
    from: String,
    /// Where the request goes: a URL, or tcp://HOST:PORT
    #[arg(long, value_name = "URL")]
    to: String,
    /// A request header
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The request method
    #[arg(short = 'X', long = "request", default_value = "GET")]
    method: String,
    /// How the answer is printed
    #[arg(short, long, value_enum)]
    output: Option<Output>,
    #[command(flatten)]
    demo: DemoName,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Output {
    Json,
    Yaml,
}

/// Exit code of wrong usage.
const USAGE: u8 = 2;

/// Asks the running demo's proxy and prints what it says.
pub(crate) fn run(flags: &ExplainFlags) -> anyhow::Result<ExitCode> {
    let request = match Asked::new(&flags.method, &flags.to, &flags.headers) {
        Ok(request) => request,
        Err(error) => {
            eprintln!("tulle: {error:#}");
            return Ok(ExitCode::from(USAGE));
        }
    };
    let explanation: Value = serde_json::from_str(&demo::ask(
        &flags.demo,
        &Visit::Explain {
            pod: flags.from.clone(),
            request,
        },
    )?)?;
    match flags.output {
        Some(Output::Json) => println!("{}", serde_json::to_string_pretty(&explanation)?),
        Some(Output::Yaml) => print!("{}", serde_saphyr::to_string(&explanation)?),
        None => lines(&explanation)
            .iter()
            .for_each(|line| println!("{line}")),
    }
    Ok(ExitCode::SUCCESS)
}

/// A request to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    method: String,
    url: String,
    headers: Vec<String>,
}

impl Asked {
    pub(crate) fn new(method: &str, url: &str, headers: &[String]) -> anyhow::Result<Self> {
        let asked = Self {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: headers.to_vec(),
        };
        let uri = asked.uri()?;
        anyhow::ensure!(
            uri.host().is_some() && uri.scheme().is_some(),
            "--to {url:?} has no host; write http://HOST/PATH"
        );
        let scheme = uri.scheme_str().unwrap_or_default();
        anyhow::ensure!(
            ["http", "https", "tcp"].contains(&scheme),
            "--to {url:?}: {scheme} is not known; write http://, https:// or tcp://"
        );
        http::Method::from_bytes(method.as_bytes())
            .map_err(|_| anyhow::anyhow!("-X {method:?} is no method; write GET, POST …"))?;
        for header in headers {
            anyhow::ensure!(header.contains(':'), "-H {header:?} is not NAME: VALUE");
        }
        Ok(asked)
    }

    pub(crate) fn uri(&self) -> anyhow::Result<http::Uri> {
        self.url
            .parse()
            .map_err(|error| anyhow::anyhow!("--to {:?} is not a URL: {error}", self.url))
    }

    /// The path of the admin interface that explains it, where the client connects to `dialled`.
    pub(crate) fn path(&self, dialled: Option<SocketAddr>) -> String {
        let (method, url) = (encode(&self.method), encode(&self.url));
        let mut path = format!("/explain?method={method}&url={url}");
        for header in &self.headers {
            path.push_str(&format!("&header={}", encode(header)));
        }
        if let Some(address) = dialled {
            path.push_str(&format!("&destination={}", encode(&address.to_string())));
        }
        path
    }
}

fn encode(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| {
            if keep(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// The explanation as text: a line for each step.
pub(crate) fn lines(explanation: &Value) -> Vec<String> {
    let steps = explanation["steps"].as_array().into_iter().flatten();
    let field = |step: &Value, key: &str| step[key].as_str().map(str::to_owned);
    steps
        .map(|step| {
            let stage = field(step, "stage").unwrap_or_default();
            let what = field(step, "result").unwrap_or_default();
            let because = field(step, "because")
                .map(|because| format!("  because {because}"))
                .unwrap_or_default();
            let object = field(step, "object")
                .map(|object| format!("  [{object}]"))
                .unwrap_or_default();
            format!("{stage:<13} {what}{because}{object}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_becomes_a_path_of_the_admin_interface() {
        let headers = ["x-user: jo".to_owned()];
        let asked = Asked::new("GET", "http://server/a%20b", &headers).unwrap();
        let path = "/explain?method=GET&url=http%3A%2F%2Fserver%2Fa%2520b&header=x-user%3A%20jo";
        assert_eq!(asked.path(None), path);
        let dialled = asked.path(Some("127.0.0.3:3128".parse().unwrap()));
        assert_eq!(dialled, format!("{path}&destination=127.0.0.3%3A3128"));
    }

    #[test]
    fn nonsense_is_refused_with_a_hint() {
        for (method, url, header, hint) in [
            ("GET", "/path", "a: b", "http://HOST/PATH"),
            ("GET", "server", "a: b", "http://HOST/PATH"),
            (
                "GET",
                "ftp://server/",
                "a: b",
                "http://, https:// or tcp://",
            ),
            ("GET", "http://ser ver/", "a: b", "not a URL"),
            ("G T", "http://server/", "a: b", "no method"),
            ("GET", "http://server/", "a", "NAME: VALUE"),
        ] {
            let error = Asked::new(method, url, &[header.to_owned()]).unwrap_err();
            assert!(error.to_string().contains(hint), "{error}");
        }
    }
}
