//! Responses that the proxy invents: the only place that does. Bodies, flags and details are Envoy's, since run books
//! look for them.

use std::borrow::Cow;

use ::http::StatusCode;
use bytes::Bytes;

use super::head::{HeaderKey, KnownName, RequestHead, ResponseHead};
use crate::telemetry::access_log::ResponseFlags;

/// A response of the proxy itself.
#[derive(Debug, Clone)]
pub(crate) struct LocalReply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    pub(crate) flags: ResponseFlags,
    /// `%RESPONSE_CODE_DETAILS%`.
    pub(crate) details: Cow<'static, str>,
    pub(crate) fields: Vec<(HeaderKey, Vec<u8>)>,
    /// A gRPC status other than the one that follows from `status`.
    pub(crate) grpc_status: Option<u32>,
    /// The connection is closed after it.
    pub(crate) close: bool,
}

impl LocalReply {
    pub(crate) fn new(
        status: StatusCode,
        body: &'static str,
        details: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status,
            body: Bytes::from_static(body.as_bytes()),
            flags: ResponseFlags::default(),
            details: details.into(),
            fields: Vec::new(),
            grpc_status: None,
            close: false,
        }
    }

    pub(crate) fn flag(mut self, flag: ResponseFlags) -> Self {
        self.flags.insert(flag);
        self
    }

    pub(crate) fn field(mut self, name: KnownName, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "", "route_not_found").flag(ResponseFlags::NO_ROUTE)
    }

    pub(crate) fn no_cluster(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self::new(status, "", "cluster_not_found").flag(ResponseFlags::NO_CLUSTER)
    }

    pub(crate) fn no_healthy_upstream() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "no healthy upstream",
            "no_healthy_upstream",
        )
        .flag(ResponseFlags::NO_HEALTHY_UPSTREAM)
    }

    pub(crate) fn overflow() -> Self {
        let body =
            "upstream connect error or disconnect/reset before headers. reset reason: overflow";
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            body,
            "upstream_reset_before_response_started{overflow}",
        )
        .flag(ResponseFlags::UPSTREAM_OVERFLOW)
        .field(KnownName::XEnvoyOverloaded, "true")
    }

    /// `reason` is Envoy's, such as `connection termination`.
    pub(crate) fn upstream_reset(reason: &str, flag: ResponseFlags, failure: Option<&str>) -> Self {
        let mut text = format!(
            "upstream connect error or disconnect/reset before headers. reset reason: {reason}"
        );
        let mut details = reason.replace(' ', "_");
        if let Some(failure) = failure {
            text.push_str(", transport failure reason: ");
            text.push_str(failure);
            details.push('|');
            details.push_str(&failure.replace(|c: char| c.is_ascii_whitespace(), "_"));
        }
        let mut reply = Self::new(StatusCode::SERVICE_UNAVAILABLE, "", "").flag(flag);
        reply.body = text.into();
        reply.details = format!("upstream_reset_before_response_started{{{details}}}").into();
        reply
    }

    /// The upstream broke the protocol.
    pub(crate) fn upstream_protocol_error(details: String) -> Self {
        let body = "upstream connect error or disconnect/reset before headers. reset reason: protocol error";
        let mut reply = Self::new(StatusCode::BAD_GATEWAY, body, "")
            .flag(ResponseFlags::UPSTREAM_PROTOCOL_ERROR);
        reply.details =
            format!("upstream_reset_before_response_started{{protocol_error|{details}}}").into();
        reply
    }

    /// The head and body as `request`'s client understands them: gRPC clients get a status instead of a body.
    pub(crate) fn render(&self, request: &RequestHead) -> (ResponseHead, Bytes) {
        let mut head = ResponseHead::new(self.status);
        for (name, value) in &self.fields {
            head.fields.append(name, value);
        }
        if !request.is_grpc() {
            if !self.body.is_empty() {
                head.fields
                    .set_number(KnownName::ContentLength, self.body.len() as u64);
                if !head.fields.has(KnownName::ContentType) {
                    head.fields.set_known(KnownName::ContentType, b"text/plain");
                }
            } else if !self.status.is_informational() && self.status != StatusCode::NO_CONTENT {
                head.fields.set_number(KnownName::ContentLength, 0);
            }
            return (head, self.body.clone());
        }
        head.status = StatusCode::OK;
        head.fields
            .set_known(KnownName::ContentType, b"application/grpc");
        let status = self.grpc_status.unwrap_or_else(|| grpc_status(self.status));
        head.fields
            .set_number(KnownName::GrpcStatus, u64::from(status));
        if !self.body.is_empty() {
            head.fields
                .set_known(KnownName::GrpcMessage, &percent_encode(&self.body));
        }
        (head, Bytes::new())
    }
}

/// The gRPC status for an HTTP status (gRPC, "HTTP to gRPC Status Code Mapping").
pub(crate) fn grpc_status(status: StatusCode) -> u32 {
    match status.as_u16() {
        200 => 0,
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

/// gRPC messages are percent-encoded (gRPC over HTTP/2, "Responses").
fn percent_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            b' '..=b'~' if *byte != b'%' => out.push(*byte),
            _ => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grpc_client_gets_a_status_and_no_body() {
        let mut request = RequestHead::default();
        request
            .fields
            .append_raw(b"content-type", b"application/grpc");
        let (head, body) = LocalReply::no_healthy_upstream().render(&request);
        assert_eq!((head.status, body.len()), (StatusCode::OK, 0));
        assert_eq!(
            head.fields.get_known(KnownName::GrpcStatus),
            Some(b"14".as_slice())
        );
        assert_eq!(
            head.fields.get_known(KnownName::GrpcMessage),
            Some(b"no healthy upstream".as_slice())
        );
    }

    #[test]
    fn others_get_text() {
        let (head, body) = LocalReply::no_healthy_upstream().render(&RequestHead::default());
        assert_eq!(
            (head.status.as_u16(), &body[..]),
            (503, b"no healthy upstream".as_slice())
        );
        assert_eq!(
            head.fields.get_known(KnownName::ContentLength),
            Some(b"19".as_slice())
        );
    }
}
