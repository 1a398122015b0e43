//! Answers that the proxy gives itself: `redirect`, `directResponse`.

use crate::crd::problem::Invalid;
use crate::crd::value::Port;
use crate::model::Name;
use crate::model::http_action::{DirectResponse, Redirect, RedirectPath, RedirectPort};
use base64::Engine;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawRedirect {
    uri: Option<String>,
    prefix_rewrite: Option<String>,
    authority: Option<String>,
    port: Option<Port>,
    derive_port: Option<DerivePort>,
    scheme: Option<String>,
    redirect_code: Option<u16>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum DerivePort {
    FromProtocolDefault,
    FromRequestPort,
}

#[derive(Deserialize)]
pub(super) struct RawDirectResponse {
    status: u16,
    body: Option<RawBody>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct RawBody {
    string: Option<String>,
    bytes: Option<String>,
}

/// The largest body that a proxy is asked to hold: 1 MiB.
const MAX_BODY: usize = 1 << 20;

impl RawRedirect {
    pub(super) fn lower(self, at: &str) -> Result<Redirect, Invalid> {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Name::from);
        let path = match (filled(self.uri), filled(self.prefix_rewrite)) {
            (Some(_), Some(_)) => {
                return Err(
                    Invalid::new("`uri` and `prefixRewrite` exclude each other; keep one").at(at),
                );
            }
            (Some(uri), None) => Some(RedirectPath::Full(uri)),
            (None, prefix) => prefix.map(RedirectPath::Prefix),
        };
        let port = match (self.port, self.derive_port) {
            (Some(_), Some(_)) => {
                return Err(
                    Invalid::new("`port` and `derivePort` exclude each other; keep one").at(at),
                );
            }
            (Some(port), None) => RedirectPort::Number(port.0),
            (None, Some(DerivePort::FromProtocolDefault)) => RedirectPort::ProtocolDefault,
            (None, Some(DerivePort::FromRequestPort)) => RedirectPort::Request,
            (None, None) => RedirectPort::Unset,
        };
        let scheme = filled(self.scheme);
        if scheme
            .as_deref()
            .is_some_and(|scheme| scheme != "http" && scheme != "https")
        {
            return Err(
                Invalid::new("the scheme is neither http nor https; write one of them")
                    .at(&format!("{at}.scheme")),
            );
        }
        let code = self.redirect_code.filter(|code| *code != 0).unwrap_or(301);
        if ![301, 302, 303, 307, 308].contains(&code) {
            let text = format!("{code} is no redirect; write 301, 302, 303, 307 or 308");
            return Err(Invalid::new(text).at(&format!("{at}.redirectCode")));
        }
        let authority = filled(self.authority);
        if path.is_none() && authority.is_none() && scheme.is_none() && port == RedirectPort::Unset
        {
            return Err(Invalid::new("the redirect changes nothing, so it would never end; set uri, authority, scheme or port").at(at));
        }
        Ok(Redirect {
            path,
            authority,
            scheme,
            port,
            code,
        })
    }
}

impl RawDirectResponse {
    pub(super) fn lower(self, at: &str) -> Result<DirectResponse, Invalid> {
        if !(200..600).contains(&self.status) {
            let text = format!("{} is no status; write 200 to 599", self.status);
            return Err(Invalid::new(text).at(&format!("{at}.status")));
        }
        let body = self.body.unwrap_or_default();
        let bytes: Option<Vec<u8>> = match (body.string, body.bytes) {
            (Some(_), Some(_)) => {
                return Err(
                    Invalid::new("`string` and `bytes` exclude each other; keep one")
                        .at(&format!("{at}.body")),
                );
            }
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(text)) => Some(
                base64::engine::general_purpose::STANDARD
                    .decode(text)
                    .map_err(|_| {
                        Invalid::new("the bytes are not base64; encode them, or use `string`")
                            .at(&format!("{at}.body.bytes"))
                    })?,
            ),
            (None, None) => None,
        };
        if bytes.as_ref().is_some_and(|bytes| bytes.len() > MAX_BODY) {
            return Err(
                Invalid::new("the body is larger than 1 MiB; serve it from a service")
                    .at(&format!("{at}.body")),
            );
        }
        Ok(DirectResponse {
            status: self.status,
            body: bytes.map(Into::into),
        })
    }
}
