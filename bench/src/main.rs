//! Entry point of `tulle-bench`.

fn main() -> anyhow::Result<()> {
    tulle_bench::run()
}
