//! How an option is declared: once, with its documentation, its type and its default. From that one place come the
//! typed section, the names of environment variables, `config.default.toml` and the refusal of everything else.

/// What is known of one option without its type.
#[derive(Debug)]
pub struct OptionInfo {
    /// Section and name: `server.listen`.
    pub key: &'static str,
    /// Its documentation, a line each.
    pub documentation: &'static [&'static str],
    /// Its default as TOML; without one it is not set.
    pub default: Option<&'static str>,
    /// A value as TOML, where the default says too little.
    pub example: Option<&'static str>,
    /// A customary name of its environment variable, beside the regular one.
    pub customary: Option<&'static str>,
    /// Whether its value must not be shown.
    pub secret: bool,
}

/// What is known of one section.
#[derive(Debug)]
pub struct SectionInfo {
    /// Its name in the file.
    pub name: &'static str,
    /// Its documentation, a line each.
    pub documentation: &'static [&'static str],
    /// Its options.
    pub options: &'static [OptionInfo],
}

impl OptionInfo {
    /// The name without its section.
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// The regular environment variable: `TENANTRY_SERVER_LISTEN` for `server.listen`.
    pub fn variable(&self) -> String {
        format!("TENANTRY_{}", self.key.replace('.', "_").to_ascii_uppercase())
    }
}

pub(super) const fn first(texts: &[&'static str]) -> Option<&'static str> {
    if texts.is_empty() { None } else { Some(texts[0]) }
}

/// Declares every section: `name: type = default, example value;`, where default and example are both optional.
macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])+
        [$section:ident] $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[env($variable:literal)])?
                $option:ident: $type:ty $(= $default:tt)? $(, example $example:tt)?;
            )+
        }
    )+) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $option: $type, )+
            }

            impl $Section {
                fn read(reader: &mut Reader) -> Option<Self> {
                    $( let $option = reader.read::<$type>(concat!(stringify!($section), ".", stringify!($option))); )+
                    Some(Self { $( $option: $option?, )+ })
                }
            }
        )+

        /// Everything that can be configured, with its effective values.
        #[derive(Debug, Clone)]
        pub struct Config {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
        }

        impl Config {
            /// Reads every option, so that every error is found at once.
            pub(super) fn read(reader: &mut Reader) -> Option<Self> {
                $( let $section = $Section::read(reader); )+
                Some(Self { $( $section: $section?, )+ })
            }
        }

        /// Every section, in the order of the file.
        pub const SECTIONS: &[SectionInfo] = &[$(
            SectionInfo {
                name: stringify!($section),
                documentation: &[$( $section_doc ),+],
                options: &[$(
                    OptionInfo {
                        key: concat!(stringify!($section), ".", stringify!($option)),
                        documentation: &[$( $doc ),+],
                        default: first(&[$( stringify!($default) )?]),
                        example: first(&[$( stringify!($example) )?]),
                        customary: first(&[$( $variable )?]),
                        secret: <$type as Setting>::SECRET,
                    },
                )+],
            },
        )+];
    };
}

pub(super) use sections;
