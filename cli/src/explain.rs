//! `tulle explain`: which listener, chain, route, policy, cluster and endpoint a request meets, and which object and
//! rule decided. The running proxy answers, with the very functions that serve its traffic.

use clap::Args;
use serde_json::Value;

use crate::demo::{self, DemoName, Visit};

/// Flags of `tulle explain`.
#[derive(Debug, Args)]
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

/// Asks the running demo's proxy and prints what it says.
pub(crate) fn run(flags: &ExplainFlags) -> anyhow::Result<()> {
    let query = query(&flags.method, &flags.to, &flags.headers)?;
    let explanation: Value = serde_json::from_str(&demo::ask(
        &flags.demo,
        &Visit::Admin {
            pod: flags.from.clone(),
            path: query,
        },
    )?)?;
    match flags.output {
        Some(Output::Json) => println!("{}", serde_json::to_string_pretty(&explanation)?),
        Some(Output::Yaml) => print!("{}", serde_saphyr::to_string(&explanation)?),
        None => lines(&explanation)
            .iter()
            .for_each(|line| println!("{line}")),
    }
    Ok(())
}

/// The admin path that asks for the explanation.
pub(crate) fn query(method: &str, url: &str, headers: &[String]) -> anyhow::Result<String> {
    let uri: http::Uri = url
        .parse()
        .map_err(|error| anyhow::anyhow!("--to {url:?} is not a URL: {error}"))?;
    anyhow::ensure!(
        uri.host().is_some(),
        "--to {url:?} has no host; write http://HOST/PATH"
    );
    let mut query = format!("/explain?method={}&url={}", encode(method), encode(url));
    for header in headers {
        anyhow::ensure!(header.contains(':'), "-H {header:?} is not NAME: VALUE");
        query.push_str(&format!("&header={}", encode(header)));
    }
    Ok(query)
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
    fn a_request_becomes_a_query_of_the_admin_interface() {
        let query = query(
            "GET",
            "http://server/a b".replace(' ', "%20").as_str(),
            &["x-user: jo".to_owned()],
        )
        .unwrap();
        assert_eq!(
            query,
            "/explain?method=GET&url=http%3A%2F%2Fserver%2Fa%2520b&header=x-user%3A%20jo"
        );
        assert!(
            super::query("GET", "/path", &[])
                .unwrap_err()
                .to_string()
                .contains("no host")
        );
    }
}
