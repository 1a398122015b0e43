//! Integration tests of the proxy, in process.

#[cfg(test)]
mod accept;
#[cfg(test)]
mod beside;
#[cfg(test)]
mod boot;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod fields;
#[cfg(test)]
mod http;
