//! The two commands that ask a proxy which runs already: `wait` and `request`.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::config::flags::{RequestFlags, WaitFlags};

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// Waits until the URL answers 200.
pub(super) fn wait(flags: &WaitFlags) -> anyhow::Result<()> {
    let uri: Uri = flags
        .url
        .parse()
        .with_context(|| format!("--url {:?} is not a URL", flags.url))?;
    let one = Duration::from_millis(flags.request_timeout_millis);
    let pause = Duration::from_millis(flags.period_millis);
    block_on(async {
        let ready = async {
            loop {
                if matches!(
                    tokio::time::timeout(one, ask("GET", &uri)).await,
                    Ok(Ok((200, _)))
                ) {
                    return;
                }
                tokio::time::sleep(pause).await;
            }
        };
        let late = || {
            format!(
                "{} did not answer 200 within {} s; is the proxy running?",
                flags.url, flags.timeout_seconds
            )
        };
        tokio::time::timeout(flags.timeout(), ready)
            .await
            .with_context(late)
    })
}

/// Sends a request to the admin interface and prints the answer.
pub(super) fn request(flags: &RequestFlags) -> anyhow::Result<()> {
    let path = flags.path.trim_start_matches('/');
    let uri: Uri = format!("http://127.0.0.1:{}/{path}", flags.debug_port)
        .parse()
        .with_context(|| format!("{:?} is not a path", flags.path))?;
    let (status, body) = block_on(ask(&flags.method.to_uppercase(), &uri))?;
    std::io::stdout().write_all(&body)?;
    if status != 200 {
        bail!("the admin interface answered {status}");
    }
    Ok(())
}

async fn ask(method: &str, uri: &Uri) -> anyhow::Result<(u16, Bytes)> {
    let authority = uri
        .authority()
        .with_context(|| format!("{uri} has no host"))?;
    let address = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.with_context(|| {
        format!(
            "cannot connect to {authority}; is the proxy running, and in this network namespace?"
        )
    })?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header("host", authority.as_str())
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        anyhow::Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    tokio::pin!(exchange);
    tokio::pin!(connection);
    tokio::select! {
        answer = &mut exchange => answer,
        ended = &mut connection => {
            ended?;
            exchange.await
        }
    }
}
