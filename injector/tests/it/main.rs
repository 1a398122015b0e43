//! Integration tests of the injector: whole files in, whole files out.

#[cfg(test)]
mod golden;
