//! Every promise of the configuration, on layers made by hand.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;

/// 32 bytes that nobody made up.
const KEY: &str = "8f3a1c5be2d94706aa17f0c35d6e9b8421c7d05f3be86a9470f2d1186c5eb39d";

/// Environment variables by name and value.
fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// A complete production environment and these variables.
fn production(variables: &[(&str, &str)]) -> Loaded {
    let complete = [
        ("DATABASE_URL", "postgres://app:hunter2@db.example.com/app"),
        ("TENANTRY_SECURITY_MASTER_KEY", KEY),
        ("TENANTRY_SERVER_PUBLIC_URL", "https://app.example.com"),
    ];
    // A later one replaces an earlier one of the same name, as in a real environment.
    let variables: BTreeMap<_, _> = complete.into_iter().chain(variables.iter().copied()).collect();
    let variables: Vec<_> = variables.into_iter().collect();
    Loaded::of(&Layers {
        environment: environment(&variables),
        ..Layers::default()
    })
}

/// A development environment with this file.
fn with_file(text: &str) -> (Loaded, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenantry.toml");
    fs::write(&file, text).unwrap();
    let layers = Layers {
        file: Some(file),
        environment: environment(&[DEVELOPMENT]),
        ..Layers::default()
    };
    (Loaded::of(&layers), folder)
}

const DEVELOPMENT: (&str, &str) = ("TENANTRY_SECURITY_ENVIRONMENT", "development");

fn effective<'a>(loaded: &'a Loaded, key: &str) -> &'a Effective {
    loaded.values.iter().find(|value| value.key == key).expect(key)
}

#[test]
fn a_later_layer_wins_and_says_that_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    fs::write(
        &file,
        "[limits]\nconcurrency = 2\nconnections = 2\nhead_fields = 2\n",
    )
    .unwrap();
    let preset = |key| (key, "1".to_owned());
    let layers = Layers {
        presets: [
            "limits.body_bytes",
            "limits.concurrency",
            "limits.connections",
            "limits.head_fields",
        ]
        .map(preset)
        .to_vec(),
        file: Some(file.clone()),
        environment: environment(&[
            DEVELOPMENT,
            ("TENANTRY_LIMITS_CONNECTIONS", "3"),
            ("TENANTRY_LIMITS_HEAD_FIELDS", "3"),
        ]),
        command_line: vec![("limits.head_fields".into(), "4".into())],
    };
    let loaded = Loaded::of(&layers);
    let expected = [
        ("limits.head_bytes", 32_768, Source::Default),
        ("limits.body_bytes", 1, Source::Preset),
        ("limits.concurrency", 2, Source::File(file)),
        (
            "limits.connections",
            3,
            Source::Variable("TENANTRY_LIMITS_CONNECTIONS".into()),
        ),
        ("limits.head_fields", 4, Source::CommandLine),
    ];
    for (key, value, source) in expected {
        let found = effective(&loaded, key);
        assert_eq!(
            (found.value.clone(), &found.source),
            (Some(value.into()), &source),
            "{key}"
        );
    }
    assert_eq!(loaded.valid().unwrap().limits.head_fields, 4);
}

#[test]
fn the_customary_variables_are_read_and_the_regular_ones_win() {
    let loaded = production(&[
        ("REDIS_URL", "redis://r"),
        ("STRIPE_SECRET_KEY", "sk_test_1"),
        ("STRIPE_WEBHOOK_SECRET", "wh"),
        ("STRIPE_PUBLISHABLE_KEY", "pk"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "key"),
        ("AWS_S3_BUCKET", "bucket"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", "https://s3.example.com"),
        ("SMTP_HOST", "smtp.example.com"),
        ("SMTP_PORT", "465"),
        ("SMTP_USER", "user"),
        ("SMTP_PASSWORD", "password"),
        ("SMTP_FROM", "App <app@example.com>"),
        ("TENANTRY_STORAGE_BUCKET", "other"),
    ]);
    let config = loaded.valid().unwrap();
    assert_eq!(config.redis.url.unwrap().expose(), "redis://r");
    assert_eq!(config.stripe.publishable_key.as_deref(), Some("pk"));
    assert_eq!(config.storage.bucket.as_deref(), Some("other"));
    assert_eq!(config.storage.region, "eu-central-1");
    assert_eq!(
        (config.mail.smtp_port, config.mail.from.address()),
        (465, "app@example.com")
    );
}

#[test]
fn lists_times_and_sizes_are_written_as_documented() {
    let loaded = production(&[
        ("TENANTRY_SERVER_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8"),
        ("TENANTRY_LIMITS_REQUEST_TIME", "1m 30s"),
        ("TENANTRY_TENANTS_UPLOAD_MAX_BYTES", "5_000_000_000"),
        ("TENANTRY_DATABASE_LISTEN", "false"),
    ]);
    let config = loaded.valid().unwrap();
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.limits.request_time, Duration::from_secs(90));
    assert_eq!(config.tenants.upload_max_bytes, 5_000_000_000);
    assert!(!config.database.listen);
}

#[test]
fn what_no_option_is_called_is_refused_with_the_nearest_name() {
    let (loaded, _folder) = with_file("stray = 1\n[server]\nlisten_on = \"x\"\n[databse]\nurl = \"x\"\n");
    let errors = loaded.errors.join("\n");
    for hint in [
        "`stray` is outside any section",
        "no option `server.listen_on`; did you mean `server.listen`?",
        "no section [databse]; did you mean `database`?",
    ] {
        assert!(errors.contains(hint), "{hint}: {errors}");
    }
    let loaded = production(&[("TENANTRY_SERVER_LISTN", "x"), ("TENANTRY_FAULT", "a=error")]);
    let errors = loaded.errors.join("\n");
    assert!(
        errors.contains("TENANTRY_SERVER_LISTN; did you mean `TENANTRY_SERVER_LISTEN`?"),
        "{errors}"
    );
    assert!(
        errors.contains("TENANTRY_FAULT; did you mean `TENANTRY_FAULTS`?"),
        "{errors}"
    );

    let command_line = vec![("server.port".to_owned(), "1".to_owned())];
    let loaded = Loaded::of(&Layers {
        command_line,
        ..Layers::default()
    });
    assert!(
        loaded.errors[0].contains("no option `server.port`"),
        "{:?}",
        loaded.errors
    );
}

#[test]
fn variables_of_others_with_our_prefix_and_empty_ones_are_left_alone() {
    let loaded = production(&[
        ("TENANTRY_CONFIG", "x"),
        ("TENANTRY_TEST_RUN", "x"),
        ("TENANTRY_PORT", "tcp://10.0.0.1:3000"),
        ("TENANTRY_PORT_3000_TCP_ADDR", "10.0.0.1"),
        ("TENANTRY_SERVICE_PORT_HTTP", "3000"),
        ("TENANTRY_REDIS_SERVICE_HOST", "10.0.0.2"),
        ("SMTP_HOST", ""),
        ("AWS_PROFILE", "x"),
    ]);
    assert_eq!(loaded.errors, [""; 0]);
    assert!(loaded.config.unwrap().mail.smtp_host.is_none());
    assert!(!production(&[("TENANTRY_PORT", "3000")]).errors.is_empty());
}

#[test]
fn every_error_is_reported_at_once_and_none_shows_a_secret() {
    let (loaded, _folder) = with_file(
        "[server]\nlisten = 3000\n[limits]\nbody_bytes = -1\n[database]\nurl = \"mysql://u:hunter2@h/d\"\n\
         [storage]\nsecret_key = 77\n[security]\nmaster_key = \"hunter2\"\n",
    );
    let errors = loaded.errors.join("\n");
    for key in [
        "server.listen",
        "limits.body_bytes",
        "database.url",
        "storage.secret_key",
        "security.master_key",
    ] {
        assert!(errors.contains(key), "{key}: {errors}");
    }
    assert!(!errors.contains("hunter2") && !errors.contains("77"), "{errors}");
}

#[test]
fn a_file_that_does_not_parse_is_named_by_line_without_its_content() {
    let (loaded, _folder) = with_file("[stripe]\n\nsecret_key = hunter2\n");
    assert!(
        loaded.errors[0].contains("tenantry.toml, line 3: "),
        "{:?}",
        loaded.errors
    );
    assert!(!loaded.errors[0].contains("hunter2"), "{:?}", loaded.errors);
    let missing = Layers {
        file: Some(PathBuf::from("/nowhere/x.toml")),
        ..Layers::default()
    };
    assert!(Loaded::of(&missing).errors[0].starts_with("/nowhere/x.toml: "));
}

#[test]
fn secrets_are_masked_and_may_not_be_on_the_command_line() {
    let mut layers = Layers {
        environment: environment(&[DEVELOPMENT]),
        ..Layers::default()
    };
    for option in names::options().filter(|option| option.secret) {
        let value = match option.key {
            "database.url" => "postgres://app:hunter2@db/app?application_name=x",
            "database.pooler_url" => "postgres://db/app?password=hunter2",
            "security.master_key" => KEY,
            "redis.url" => "redis://:hunter2@cache",
            "stripe.secret_key" => "sk_test_hunter2",
            _ => "hunter2",
        };
        layers.environment.push((option.variable().into(), value.into()));
    }
    let loaded = Loaded::of(&layers);
    assert_eq!(loaded.errors, [""; 0]);
    let shown = format!("{:?} {:?}", loaded.values, loaded.config);
    assert!(!shown.contains("hunter2") && !shown.contains(KEY), "{shown}");
    let url = effective(&loaded, "database.url").value.clone();
    assert_eq!(
        url,
        Some("postgres://app:********@db/app?application_name=x".into())
    );
    for key in [
        "database.url",
        "redis.url",
        "stripe.secret_key",
        "stripe.webhook_secret",
        "storage.secret_key",
    ] {
        assert!(names::option(key).unwrap().secret, "{key}");
    }

    layers
        .command_line
        .push(("mail.smtp_password".into(), "hunter3".into()));
    let errors = Loaded::of(&layers).errors;
    assert!(
        errors[0].contains("may not be on the command line") && !errors[0].contains("hunter3"),
        "{errors:?}"
    );
}

#[test]
fn a_complete_production_configuration_is_accepted() {
    let loaded = production(&[]);
    assert_eq!((&loaded.errors[..], &loaded.warnings[..]), (&[][..], &[][..]));
    let config = loaded.valid().unwrap();
    assert!(config.is_production() && config.logs_json());
    assert!(config.databases().is_ok());
}

#[test]
fn production_refuses_what_only_a_developers_machine_may_have() {
    let refused = |variables: &[(&str, &str)], reason: &str| {
        let errors = production(variables).errors;
        assert!(
            errors.len() == 1 && errors[0].contains(reason),
            "{variables:?}: {errors:?}"
        );
        let relaxed: Vec<_> = variables.iter().copied().chain([DEVELOPMENT]).collect();
        assert_eq!(production(&relaxed).errors, [""; 0], "{variables:?}");
    };
    refused(
        &[("TENANTRY_SECURITY_MASTER_KEY", "")],
        "security.master_key is not set",
    );
    for made_up in [
        "00".repeat(32),
        "2a".repeat(32),
        "0123456789abcdef".repeat(4)[..64].to_owned(),
        counting(),
    ] {
        refused(&[("TENANTRY_SECURITY_MASTER_KEY", &made_up)], "was made up");
    }
    for anywhere in ["0.0.0.0/0", "::/0", "10.0.0.0/8, 0.0.0.0/0", "128.0.0.0/1"] {
        refused(
            &[("TENANTRY_SECURITY_TRUSTED_HEADER_NETWORKS", anywhere)],
            "more or less everybody",
        );
    }
    refused(&[("TENANTRY_FAULTS", "a=error")], "fail on purpose");
    refused(&[("DATABASE_URL", "")], "database.url is not set");
    assert_eq!(
        production(&[(
            "TENANTRY_SECURITY_TRUSTED_HEADER_NETWORKS",
            "10.0.0.0/8, fc00::/7"
        )])
        .errors,
        [""; 0]
    );
}

fn counting() -> String {
    (0..32).map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn plain_http_outside_is_only_warned_of() {
    for (url, warning) in [("http://app.example.com", "in the clear"), ("", "is not set")] {
        let loaded = production(&[("TENANTRY_SERVER_PUBLIC_URL", url)]);
        assert_eq!(loaded.errors, [""; 0]);
        assert!(loaded.warnings[0].contains(warning), "{:?}", loaded.warnings);
    }
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    for (variables, reason) in [
        (&[("AWS_S3_BUCKET", "b")][..], "AWS_ACCESS_KEY_ID"),
        (
            &[
                ("AWS_S3_BUCKET", "b"),
                ("AWS_ACCESS_KEY_ID", "i"),
                ("AWS_SECRET_ACCESS_KEY", "k"),
                ("AWS_ENDPOINT_URL", "http://h"),
            ],
            "storage.allow_http",
        ),
        (&[("SMTP_HOST", "h"), ("SMTP_USER", "u")], "go together"),
        (&[("TENANTRY_SECURITY_MASTER_KEY_FILE", "/x")], "both set"),
        (
            &[("TENANTRY_SERVER_PUBLIC_URL", "https://h/path")],
            "nothing more",
        ),
        (&[("TENANTRY_LIMITS_REQUEST_TIME", "0s")], "more than nothing"),
        (
            &[("TENANTRY_TENANTS_DELETION_GRACE_DAYS", "366")],
            "tenants.deletion_grace_days must be from 0 to 365",
        ),
    ] {
        let errors = production(variables).errors;
        assert!(
            errors.len() == 1 && errors[0].contains(reason),
            "{variables:?}: {errors:?}"
        );
    }
}

#[test]
fn the_master_key_can_be_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    let variables = [
        ("TENANTRY_SECURITY_MASTER_KEY", ""),
        ("TENANTRY_SECURITY_MASTER_KEY_FILE", file.to_str().unwrap()),
    ];
    assert!(production(&variables).errors[0].contains("No such file"));
    fs::write(&file, "hunter2").unwrap();
    let errors = production(&variables).errors;
    assert!(
        errors[0].contains("64 hexadecimal digits") && !errors[0].contains("hunter2"),
        "{errors:?}"
    );
    fs::write(&file, format!("{KEY}\n")).unwrap();
    assert!(production(&variables).valid().unwrap().master_key().is_ok());
}

#[test]
fn names_of_variables_are_unambiguous() {
    let mut names: Vec<_> = names::options().map(OptionInfo::variable).collect();
    names.extend(
        names::options()
            .filter_map(|option| option.customary)
            .map(str::to_owned),
    );
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn the_default_file_gives_the_defaults() {
    let (loaded, _folder) = with_file(&default_file());
    assert_eq!(loaded.values.len(), names::options().count());
    let defaults = Loaded::of(&Layers {
        environment: environment(&[]),
        ..Layers::default()
    });
    for (read, default) in loaded.values.iter().zip(&defaults.values) {
        if read.key != "security.environment" {
            assert_eq!((read.key, &read.value), (default.key, &default.value));
        }
        let in_file = names::option(read.key).unwrap().default.is_some();
        assert_eq!(
            matches!(read.source, Source::File(_)),
            in_file && read.key != "security.environment",
            "{}",
            read.key
        );
    }
}

#[test]
fn the_examples_are_values() {
    let folder = tempfile::tempdir().unwrap();
    for option in names::options().filter(|option| option.key != "security.master_key") {
        let Some(example) = option.example else { continue };
        let file = folder.path().join("c.toml");
        let section = option.key.split_once('.').unwrap().0;
        fs::write(&file, format!("[{section}]\n{} = {example}\n", option.name())).unwrap();
        let loaded = Loaded::of(&Layers {
            file: Some(file),
            environment: environment(&[DEVELOPMENT]),
            ..Layers::default()
        });
        assert!(loaded.config.is_some(), "{}: {:?}", option.key, loaded.errors);
    }
}

#[test]
fn the_committed_default_file_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config.default.toml");
    let committed = fs::read_to_string(path).expect("config.default.toml is committed: run bin/generate");
    assert_eq!(
        committed,
        default_file(),
        "run bin/generate and commit what changed"
    );
}

#[test]
fn the_default_limits_are_those_of_the_edge() {
    let config = production(&[]).valid().unwrap();
    assert_eq!(
        format!("{:?}", config.edge_limits()),
        format!("{:?}", edge::Limits::default())
    );
}
