//! Whether it takes longer to refuse a guess that is nearer to the truth: a key whose shown part exists, an address that
//! somebody has.
//!
//! The two kinds of guesses come in random order, so that whatever else the machine does meets both. Two statistics
//! tell whether they can be told apart: Welch's t on the faster nine tenths of all (what is slow is slow for other
//! reasons), and the z of the Mann-Whitney test, which looks at ranks and needs no assumption. Beyond ±2.58 either
//! would be there by chance in one of a hundred measurements.

use std::fmt::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use kernel::Seams;
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::client::Client;
use crate::measure::Samples;
use crate::stage::{Served, Stage, run};

const TRIES: usize = 10_000;
/// Each takes a quarter of a second.
const LOGINS: usize = 300;
const BEYOND_CHANCE: f64 = 2.58;

/// Two kinds of guesses, in microseconds.
struct Pair {
    what: [&'static str; 2],
    times: [Samples; 2],
}

/// Measures on a server of its own; answers the table.
pub(crate) async fn measure(stage: &Stage, scale: usize) -> Result<String> {
    let served = stage.serve("key_timing").await?;
    let pairs = [
        keys(&served, TRIES / scale).await?,
        logins(&served, LOGINS / scale).await?,
    ];
    served.end().await?;
    Ok(table(&pairs))
}

/// Calls with this kind of guess or the other, in random order, until there are enough of both.
async fn collect(
    what: [&'static str; 2],
    each: usize,
    mut guess: impl AsyncFnMut(usize) -> Result<Duration>,
) -> Result<Pair> {
    let seams = Seams::real();
    let mut times = [Samples::default(), Samples::default()];
    for _ in 0..each / 20 + 3 {
        guess(0).await?;
        guess(1).await?;
    }
    while times.iter().any(|side| side.all().len() < each) {
        let [coin] = seams.random::<1>();
        let side = usize::from(coin & 1);
        if times[side].all().len() < each {
            let took = guess(side).await?;
            times[side].add(took.as_secs_f64() * 1e6);
        }
    }
    Ok(Pair { what, times })
}

/// A key's shown part is its tag and eight characters.
async fn keys(served: &Served, each: usize) -> Result<Pair> {
    let (tenant, _) = served.provision("keys", "shared_database").await?;
    let body = json!({"name": "bench", "scopes": ["*"]});
    let path = format!("/admin/tenants/{tenant}/api-keys");
    let shown = served.admin.post(&path, &body).await?.text("/prefix")?;
    served.settle().await?;
    let seams = Seams::real();
    collect(
        ["a key of an unknown prefix", "the prefix of a key, wrong secret"],
        each,
        async |side| {
            let random = random_key(&seams);
            let key = if side == 0 {
                random
            } else {
                format!("{shown}{}", &random[shown.len()..])
            };
            refused(&served.admin.with_key(&key), "/api/tenant", None).await
        },
    )
    .await
}

async fn logins(served: &Served, each: usize) -> Result<Pair> {
    let order = json!({
        "name": "Timing", "slug": "timing", "plan": "enterprise",
        "owner": {"email": "owner@timing.example.com", "name": "Olga", "password": "seven lanterns over quiet water"},
    });
    served.admin.post("/admin/provision", &order).await?;
    served.settle().await?;
    let mut connection = served.plain_connection().await?;
    collect(
        ["login, unknown address", "login, known address, wrong password"],
        each,
        async |side| {
            // Or soon none of them would be looked at.
            forget_failures(&mut connection).await?;
            let email = ["nobody@timing.example.com", "owner@timing.example.com"][side];
            let body =
                json!({"tenant": "timing", "email": email, "password": "eight lanterns over quiet water"});
            refused(&served.admin, "/api/auth/login", Some(&body)).await
        },
    )
    .await
}

async fn forget_failures(connection: &mut PgConnection) -> Result<()> {
    run(connection, "delete from control.login_failures".to_owned()).await
}

async fn refused(client: &Client, path: &str, body: Option<&Value>) -> Result<Duration> {
    let (status, took) = client.refused(path, body).await?;
    ensure!(status == 401, "{path} answered {status}");
    Ok(took)
}

/// 43 characters of base64url behind the tag; which 64 of them does not matter here.
fn random_key(seams: &Seams) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut key = String::from("tny_");
    key.extend(
        seams
            .random::<42>()
            .map(|byte| char::from(ALPHABET[usize::from(byte & 63)])),
    );
    // The last one carries four bits.
    key.push('A');
    key
}

fn table(pairs: &[Pair]) -> String {
    let mut text = String::from(
        "| refused | against | tries each | median | against | Welch's t | Mann-Whitney z | |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for Pair {
        what,
        times: [one, other],
    } in pairs
    {
        let (t, z) = (welch(one, other), mann_whitney(one, other));
        let alike = t.abs() <= BEYOND_CHANCE && z.abs() <= BEYOND_CHANCE;
        let verdict = if alike { "alike" } else { "told apart" };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.0} µs | {:.0} µs | {t:.2} | {z:.2} | **{verdict}** |",
            what[0],
            what[1],
            one.all().len(),
            one.median(),
            other.median(),
        );
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "there are some thousands")]
fn count(samples: &[f64]) -> f64 {
    samples.len() as f64
}

/// Welch's t of the faster nine tenths.
fn welch(one: &Samples, other: &Samples) -> f64 {
    let limit = one.percentile(90).max(other.percentile(90));
    let fast = |samples: &Samples| -> Vec<f64> {
        samples
            .all()
            .iter()
            .copied()
            .filter(|time| *time <= limit)
            .collect()
    };
    let moments = |samples: &[f64]| {
        let mean = samples.iter().sum::<f64>() / count(samples);
        let square = samples.iter().map(|sample| (sample - mean).powi(2)).sum::<f64>();
        (mean, square / (count(samples) - 1.0) / count(samples))
    };
    let ((mean, error), (other_mean, other_error)) = (moments(&fast(one)), moments(&fast(other)));
    (mean - other_mean) / (error + other_error).sqrt()
}

/// The z of the Mann-Whitney test, by the normal approximation; ties share their rank.
fn mann_whitney(one: &Samples, other: &Samples) -> f64 {
    let mut all: Vec<(f64, bool)> = one.all().iter().map(|time| (*time, true)).collect();
    all.extend(other.all().iter().map(|time| (*time, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut place) = (0.0, 1.0);
    for ties in all.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let size = ties.iter().map(|_| 1.0).sum::<f64>();
        let rank = place + (size - 1.0) / 2.0;
        ranks += rank * ties.iter().filter(|(_, first)| *first).map(|_| 1.0).sum::<f64>();
        place += size;
    }
    let (n, m) = (count(one.all()), count(other.all()));
    let u = ranks - n * (n + 1.0) / 2.0;
    (u - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: impl IntoIterator<Item = f64>) -> Samples {
        let mut samples = Samples::default();
        values.into_iter().for_each(|value| samples.add(value));
        samples
    }

    #[test]
    fn what_is_alike_is_alike_and_what_is_not_is_found() {
        let spread = |shift: f64| samples((0..1000).map(|n| f64::from(n * 7919 % 1000) + shift));
        let (t, z) = (
            welch(&spread(0.0), &spread(0.0)),
            mann_whitney(&spread(0.0), &spread(0.0)),
        );
        assert!(t.abs() < 0.01 && z.abs() < 0.01, "{t} {z}");
        let (t, z) = (
            welch(&spread(0.0), &spread(100.0)),
            mann_whitney(&spread(0.0), &spread(100.0)),
        );
        assert!(t < -BEYOND_CHANCE && z < -BEYOND_CHANCE, "{t} {z}");
        // U is 1 of 9: (1 - 4.5) / sqrt(5.25).
        let z = mann_whitney(&samples([1.0, 2.0, 4.0]), &samples([3.0, 5.0, 6.0]));
        assert!((z + 1.5275).abs() < 0.001, "{z}");
    }

    #[test]
    fn a_guess_has_a_keys_form() {
        let key = random_key(&Seams::real());
        assert_eq!(key.len(), 4 + 43);
        assert_ne!(key, random_key(&Seams::real()));
    }
}
