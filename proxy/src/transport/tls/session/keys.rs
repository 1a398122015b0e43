//! Where keys come from.

use super::Role;
use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{ConnectionTrafficSecrets, Error, ExtractedSecrets, SupportedCipherSuite};
use std::fmt;

/// The library's part: it alone knows the secrets that new keys are made from, and wipes them.
pub(super) enum Keys {
    Client(Box<KernelConnection<ClientConnectionData>>),
    Server(Box<KernelConnection<ServerConnectionData>>),
}

impl Keys {
    /// Takes the keys in use, and what makes the next ones, from a connection whose handshake is over.
    pub(super) fn of(role: Role) -> Result<(ExtractedSecrets, Self), Error> {
        match role {
            Role::Client(client) => {
                let (secrets, keys) = client.dangerous_into_kernel_connection()?;
                Ok((secrets, Keys::Client(Box::new(keys))))
            }
            Role::Server(server) => {
                let (secrets, keys) = server.dangerous_into_kernel_connection()?;
                Ok((secrets, Keys::Server(Box::new(keys))))
            }
        }
    }

    /// The keys that follow those of this direction.
    pub(super) fn next_to_open(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Keys::Client(client) => client.update_rx_secret(),
            Keys::Server(server) => server.update_rx_secret(),
        }
    }

    /// The keys that follow those of this direction.
    pub(super) fn next_to_seal(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Keys::Client(client) => client.update_tx_secret(),
            Keys::Server(server) => server.update_tx_secret(),
        }
    }

    /// How many records may be sealed under one key (RFC 8446 section 5.5, by the library's figures).
    pub(super) fn limit(&self) -> u64 {
        let suite = match self {
            Keys::Client(client) => client.negotiated_cipher_suite(),
            Keys::Server(server) => server.negotiated_cipher_suite(),
        };
        match suite {
            SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
            SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
        }
    }
}

/// Nothing of a key belongs in a log.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Keys::Client(_) => "Client",
            Keys::Server(_) => "Server",
        })
    }
}
