//! Embeds the migrations anew when one is added; the compiler only follows those that it knows.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
}
