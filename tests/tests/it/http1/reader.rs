//! The reader of the recording backend: plain, strict, and not the proxy's. What it takes for a request can be taken for
//! nothing else.

/// A request as a backend sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) meaning: Meaning,
    pub(super) framing: Framing,
}

/// What a request asks for: all of it that a proxy may not choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) method: String,
    pub(super) target: String,
    /// Lower case, without a port: nginx passes no more on.
    pub(super) host: String,
    pub(super) body: Vec<u8>,
}

/// How the end of the body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    None,
    Length,
    Chunked,
}

/// Reads one request from the front of `bytes`; `None` when more is needed.
///
/// # Errors
/// Whatever could be read in two ways, in words.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(Request, usize)>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is no text")?;
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let words: Vec<&str> = line.split(' ').collect();
    let [method, target, "HTTP/1.1" | "HTTP/1.0"] = words[..] else {
        return Err(format!("the request line {line:?}"));
    };
    let fields = lines.map(field).collect::<Result<Vec<_>, _>>()?;
    let all = |wanted: &str| -> Vec<&str> {
        let same = fields.iter().filter(|(name, _)| name == wanted);
        same.map(|(_, value)| *value).collect()
    };
    let (body, after) = (&bytes[end + 4..], end + 4);
    let framed = match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        ([], []) => Some((Framing::None, Vec::new(), 0)),
        ([length], []) => {
            let length: usize = length.parse().map_err(|_| format!("length {length:?}"))?;
            let body = body.get(..length);
            body.map(|body| (Framing::Length, body.to_vec(), length))
        }
        ([], ["chunked"]) => chunks(body)?.map(|(body, used)| (Framing::Chunked, body, used)),
        (lengths, codings) => return Err(format!("framed by {lengths:?} and {codings:?}")),
    };
    let [host] = all("host")[..] else {
        return Err(format!("hosts {:?}", all("host")));
    };
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let host = host
        .rsplit_once(':')
        .filter(|(_, rest)| port(rest))
        .map_or(host, |(name, _)| name);
    Ok(framed.map(|(framing, body, used)| {
        let meaning = Meaning {
            method: method.to_owned(),
            target: target.to_owned(),
            host: host.to_ascii_lowercase(),
            body,
        };
        (Request { meaning, framing }, after + used)
    }))
}

fn field(line: &str) -> Result<(String, &str), String> {
    let (name, value) = line.split_once(':').ok_or(format!("the field {line:?}"))?;
    let token = |c: char| c.is_ascii_graphic() && !"\"(),/:;<=>?@[\\]{}".contains(c);
    let plain = |c: char| !c.is_control() || c == '\t';
    if name.is_empty() || !name.chars().all(token) || !value.chars().all(plain) {
        return Err(format!("the field {line:?}"));
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
}

/// The body and the length of its coding, with everything of it that ends in CR LF and no extensions.
fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, String> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(end) = find(&bytes[at..], b"\r\n") else {
            return Ok(None);
        };
        let line = String::from_utf8_lossy(&bytes[at..at + end]);
        let size = usize::from_str_radix(&line, 16).map_err(|_| format!("the chunk {line:?}"))?;
        at += end + 2;
        if size == 0 {
            return trailers(&bytes[at..]).map(|length| length.map(|length| (body, at + length)));
        }
        let Some(data) = bytes.get(at..at + size + 2) else {
            return Ok(None);
        };
        let (data, line_end) = data.split_at(size);
        if line_end != b"\r\n" {
            return Err(format!("a chunk that ends with {line_end:?}"));
        }
        body.extend_from_slice(data);
        at += size + 2;
    }
}

fn trailers(bytes: &[u8]) -> Result<Option<usize>, String> {
    if bytes.starts_with(b"\r\n") {
        return Ok(Some(2));
    }
    let Some(end) = find(bytes, b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..end]);
    text.split("\r\n")
        .try_for_each(|line| field(line).map(drop))?;
    Ok(Some(end + 4))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|here| here == wanted)
}
