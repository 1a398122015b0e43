//! The demo as a test bed: whole meshes on this machine, driven by the commands that users have.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod mesh;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod routes;
#[cfg(test)]
mod tproxy;
