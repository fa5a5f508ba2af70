//! Adding an invoice up: pure.

use kernel::{Seams, Timestamp};
use pricing::document::{Item, TaxTotal, Totals, totals};
use pricing::tax::{Buyer, Place, TaxBehaviour, Treatment};
use pricing::{Money, MoneyError};

use super::model::{Invoice, Line, LineKind, NewLine, TaxTreatment};
use crate::accounts::BillingAccount;
use crate::terms::Terms;

/// What tax a document of that instant has.
pub(super) fn treatment(terms: &Terms, account: &BillingAccount, at: Timestamp) -> Treatment {
    let seller = &terms.seller.tax;
    let buyer = Buyer {
        // Of whom nothing is known, the seller assumes that he is at home.
        place: place(account).unwrap_or_else(|| seller.place.clone()),
        vat_id: account.tax_number.as_ref().and_then(|number| number.parse().ok()),
        exempt: account.tax_exempt,
    };
    Treatment::of(seller, &buyer, account.time_zone.day_of(at), &terms.rates)
}

fn place(account: &BillingAccount) -> Option<Place> {
    let country = account.address.country.as_deref()?;
    let with_region = account.address.region.as_ref();
    let with_region = with_region.and_then(|region| format!("{country}-{region}").parse().ok());
    with_region.or_else(|| country.parse().ok())
}

impl From<&Treatment> for TaxTreatment {
    fn from(treatment: &Treatment) -> Self {
        match treatment {
            Treatment::Taxed { .. } => Self::Taxed,
            Treatment::ReverseCharge => Self::ReverseCharge,
            Treatment::Exempt => Self::Exempt,
            Treatment::NotCollected => Self::NotCollected,
        }
    }
}

/// Adds up what is sold: sets the invoice's totals and each line's parts, and answers all lines, those of discounts and taxes
/// after those that are sold.
pub(super) fn add_up(
    invoice: &mut Invoice,
    sold: Vec<Line>,
    treatment: &Treatment,
    seams: &Seams,
) -> Result<Vec<Line>, MoneyError> {
    let taxes = treatment.taxes().to_vec();
    let items: Vec<Item> = sold
        .iter()
        .map(|line| Item::fee(line.amount, taxes.clone()))
        .collect();
    let discounts: Vec<_> = invoice.coupons.iter().map(|coupon| coupon.discount).collect();
    let behaviour = if invoice.prices_include_tax {
        TaxBehaviour::Inclusive
    } else {
        TaxBehaviour::Exclusive
    };
    let added = totals(invoice.currency, &items, &discounts, behaviour)?;
    invoice.subtotal = added.subtotal;
    invoice.discount = added.discount;
    invoice.tax = added.tax;
    invoice.total = added.total;
    invoice.tax_treatment = treatment.into();
    let mut lines = parts(sold, &added)?;
    let coupons = invoice.coupons.iter().zip(&added.discounts);
    for (coupon, off) in coupons.filter(|(_, off)| off.is_positive()) {
        lines.push(reckoned(
            LineKind::Discount,
            &coupon.name,
            off.checked_neg()?,
            seams,
        ));
    }
    lines.extend(added.taxes.iter().map(|tax| tax_line(tax, seams)));
    Ok(lines)
}

fn parts(sold: Vec<Line>, added: &Totals) -> Result<Vec<Line>, MoneyError> {
    sold.into_iter()
        .zip(&added.lines)
        .map(|(line, parts)| {
            Ok(Line {
                discount: Money::sum(line.amount.currency, parts.discounts.iter().copied())?,
                net: parts.net,
                tax: Money::sum(line.amount.currency, parts.taxes.iter().copied())?,
                ..line
            })
        })
        .collect()
}

/// A line that is made of others; nothing is sold by it.
pub(super) fn reckoned(kind: LineKind, description: &str, amount: Money, seams: &Seams) -> Line {
    let line = NewLine::one_time(description, amount).numbered(seams.new_id());
    Line {
        kind,
        net: Money::zero(amount.currency),
        ..line
    }
}

fn tax_line(total: &TaxTotal, seams: &Seams) -> Line {
    let name = format!("{} {} %", total.tax.name, total.tax.percent);
    Line {
        tax_rate: Some(total.tax.percent),
        ..reckoned(LineKind::Tax, &name, total.amount, seams)
    }
}
