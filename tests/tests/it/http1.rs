//! HTTP/1 beside Envoy and nginx: what each sends on, how often, with which framing. Whatever ours sends on is one request
//! that the others read the same way, and whatever is malformed it refuses.

mod backend;
mod corpus;
mod generate;
mod peers;
mod reader;

use std::fmt::{self, Display, Write};

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use tulle_tests::skip;

use self::corpus::{CORPUS, Fate};
use self::peers::{Observed, Peer, programs};
use self::reader::{Framing, Meaning, Request};
use crate::mesh::namespace::Namespace;

/// Statuses of refusals: malformed, unknown transfer coding, unknown version.
const REFUSALS: [u16; 4] = [400, 404, 426, 501];

/// Our proxy, Envoy and nginx.
struct Three {
    ours: Peer,
    envoy: Peer,
    nginx: Peer,
}

/// Runs `test` with the three proxies in a network namespace of their own.
fn with_peers(test: &str, run: impl FnOnce(&Three) + Send) {
    let (envoy, nginx) = match programs() {
        Ok(programs) => programs,
        Err(missing) => return skip(test, missing),
    };
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(error) => {
            return skip(
                test,
                &format!("no network namespace ({error}); run as root"),
            );
        }
    };
    let home = tempfile::tempdir().unwrap();
    namespace.run(|| {
        run(&Three {
            ours: Peer::ours(&namespace, home.path()),
            envoy: Peer::envoy(&namespace, home.path(), &envoy),
            nginx: Peer::nginx(&namespace, home.path(), &nginx),
        });
    });
}

#[test]
fn ours_envoy_and_nginx_agree_or_ours_is_stricter() {
    with_peers("ours_envoy_and_nginx_agree_or_ours_is_stricter", |three| {
        let mut wrong = String::new();
        for (text, fate) in CORPUS {
            let seen = Seen::of(three, text.as_bytes());
            if let Err(problem) = seen.check(*fate).and_then(|()| seen.relay(three)) {
                writeln!(wrong, "{text:?}: {problem}\n{seen}").unwrap();
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    });
}

#[test]
fn generated_requests_are_sent_on_by_all_or_refused_by_ours() {
    const REQUESTS: usize = 400;
    let test = "generated_requests_are_sent_on_by_all_or_refused_by_ours";
    with_peers(test, |three| {
        let mut runner = TestRunner::deterministic();
        let mut wrong = String::new();
        for _ in 0..REQUESTS {
            let generated = generate::request().new_tree(&mut runner).unwrap().current();
            let seen = Seen::of(three, &generated.bytes);
            let checked = match &generated.meaning {
                Some(meaning) => seen
                    .check(Fate::Forwarded(1))
                    .and_then(|()| seen.relay(three))
                    .and_then(|()| match seen.ours.meant()[..] {
                        [sent] if sent == meaning => Ok(()),
                        _ => Err("it meant something else".to_owned()),
                    }),
                None => seen.ours.check_refused(),
            };
            if let Err(problem) = checked {
                let text = String::from_utf8_lossy(&generated.bytes);
                writeln!(wrong, "{text:?}: {problem}\n{seen}").unwrap();
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    });
}

/// What the three did with the same bytes.
struct Seen {
    ours: Observed,
    envoy: Observed,
    nginx: Observed,
}

impl Seen {
    fn of(three: &Three, bytes: &[u8]) -> Self {
        Self {
            ours: three.ours.observe(bytes),
            envoy: three.envoy.observe(bytes),
            nginx: three.nginx.observe(bytes),
        }
    }

    fn check(&self, fate: Fate) -> Result<(), String> {
        let sent = self.ours.sound()?.len();
        let same = self.envoy.meant() == self.ours.meant()
            && self.nginx.meant() == self.ours.meant()
            && self.envoy.framings() == self.ours.framings();
        match fate {
            Fate::Forwarded(count) | Fate::Otherwise(count, _) if sent != count => {
                Err(format!("ours sends on {sent} requests"))
            }
            Fate::Forwarded(_) | Fate::Refused if !same => Err("the others differ".to_owned()),
            Fate::Stricter(why) | Fate::Otherwise(_, why) if same => {
                Err(format!("the others do not differ, although {why}"))
            }
            Fate::Refused | Fate::Stricter(_) => self.ours.check_refused(),
            Fate::Forwarded(_) | Fate::Otherwise(..) => Ok(()),
        }
    }

    /// What ours sent on, sent to the others: they refuse it, or send on that very request and nothing else.
    fn relay(&self, three: &Three) -> Result<(), String> {
        for one in &self.ours.recorded {
            let Ok(Some(request)) = &one.request else {
                continue;
            };
            for (name, peer) in [("Envoy", &three.envoy), ("nginx", &three.nginx)] {
                let relayed = peer.observe(&one.bytes);
                let meant = relayed.meant();
                if !meant.is_empty() && meant != [&request.meaning] {
                    return Err(format!("{name} reads what ours sends as {meant:?}"));
                }
            }
        }
        Ok(())
    }
}

impl Observed {
    /// The whole requests that were sent on, if each is plain and alone on its connection.
    fn sound(&self) -> Result<Vec<&Request>, String> {
        for one in &self.recorded {
            if let Err(doubt) = &one.request {
                return Err(format!("a backend stumbles over {doubt}"));
            }
            if !one.rest.is_empty() {
                let rest = String::from_utf8_lossy(&one.rest);
                return Err(format!("{rest:?} comes behind a request"));
            }
        }
        Ok(self.whole().collect())
    }

    fn whole(&self) -> impl Iterator<Item = &Request> {
        self.recorded
            .iter()
            .filter_map(|one| one.request.as_ref().ok()?.as_ref())
    }

    fn meant(&self) -> Vec<&Meaning> {
        self.whole().map(|request| &request.meaning).collect()
    }

    /// How each body is framed; of no body it may be said that it is empty.
    fn framings(&self) -> Vec<Framing> {
        let framing = |request: &Request| match request.framing {
            Framing::Length if request.meaning.body.is_empty() => Framing::None,
            Framing::None | Framing::Length | Framing::Chunked => request.framing,
        };
        self.whole().map(framing).collect()
    }

    /// Nothing was sent on, and the client was told.
    fn check_refused(&self) -> Result<(), String> {
        if !self.sound()?.is_empty() {
            return Err("ours sends it on".to_owned());
        }
        match self.statuses[..] {
            [first, ..] if REFUSALS.contains(&first) => Ok(()),
            _ => Err("ours does not refuse it".to_owned()),
        }
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, observed) in [
            ("ours", &self.ours),
            ("Envoy", &self.envoy),
            ("nginx", &self.nginx),
        ] {
            write!(f, "  {name:5} answers {:?}", observed.statuses)?;
            for one in &observed.recorded {
                let whole = match &one.request {
                    Ok(Some(_)) => "",
                    Ok(None) => "cut off ",
                    Err(_) => "doubtful ",
                };
                write!(f, ", {whole}{:?}", String::from_utf8_lossy(&one.bytes))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
