//! What the shop sells: ten categories, 120 products each, at log-normal prices.

use super::random::RandomStream;

/// Products per category.
const RANGE: u16 = 120;

/// The brands; with a category's noun they make up a product's name.
const BRANDS: [&str; 10] =
    ["Aurora", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper"];

/// A category: its id, the median price in US dollars, the spread (sigma) of the price's logarithm, and six nouns.
struct Category(&'static str, f64, f64, [&'static str; 6]);

const CATEGORIES: [Category; 10] = [
    Category("shoes", 75.0, 0.45, ["Runner", "Sneaker", "Boot", "Sandal", "Loafer", "Trail Shoe"]),
    Category("phones", 380.0, 0.6, ["Phone", "Phone Mini", "Phone Max", "Foldable", "Charger", "Earbuds"]),
    Category("beauty", 24.0, 0.6, ["Serum", "Lipstick", "Cleanser", "Perfume", "Mascara", "Sunscreen"]),
    Category("toys", 28.0, 0.5, ["Puzzle", "Train Set", "Plush Bear", "Board Game", "Kite", "Robot Kit"]),
    Category("grocery", 7.0, 0.5, ["Coffee", "Olive Oil", "Granola", "Chocolate", "Tea", "Pasta"]),
    Category("books", 16.0, 0.35, ["Cookbook", "Atlas", "Novel", "Field Guide", "Biography", "Comic"]),
    Category("sports", 48.0, 0.7, ["Yoga Mat", "Dumbbells", "Bike Light", "Tent", "Racket", "Bottle"]),
    Category("home", 55.0, 0.8, ["Lamp", "Rug", "Kettle", "Blanket", "Shelf", "Vase"]),
    Category("bags", 90.0, 0.55, ["Backpack", "Tote", "Duffel", "Wallet", "Carry-on", "Belt Bag"]),
    Category("baby", 32.0, 0.6, ["Stroller Cover", "Onesie", "Bottle Set", "Carrier", "Teether", "Night Light"]),
];

/// A product, by its place in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ProductId(u16);

/// Every product's price, in US cents.
#[derive(Debug)]
pub(super) struct Catalogue {
    prices: Vec<i64>,
}

/// How many categories there are.
pub(super) const CATEGORY_COUNT: u8 = CATEGORIES.len() as u8;

impl Catalogue {
    pub(super) fn new(seed: u64) -> Catalogue {
        let mut dice = RandomStream::of(seed, [u64::MAX, 0]);
        let mut prices = Vec::new();
        for Category(_, median, spread, _) in &CATEGORIES {
            for _ in 0..RANGE {
                // Prices end on 9 cents, as they do in shops.
                prices.push((dice.log_normal(*median, *spread) * 10.0).max(10.0) as i64 * 10 + 9);
            }
        }
        Catalogue { prices }
    }

    /// A product of the category; the first in the range are the popular ones.
    pub(super) fn browse(&self, dice: &mut RandomStream, category: u8) -> ProductId {
        let place = dice.between(0, i64::from(RANGE) - 1) * dice.between(1, 100) / 100;
        ProductId(u16::from(category.min(CATEGORY_COUNT - 1)) * RANGE + place as u16)
    }

    /// The usual price in US cents.
    pub(super) fn price(&self, product: ProductId) -> i64 {
        self.prices[usize::from(product.0)]
    }
}

impl ProductId {
    /// The first products of each category.
    pub(super) fn listed(count: u16, categories: u8) -> impl Iterator<Item = ProductId> {
        (0..u16::from(categories))
            .flat_map(move |category| (0..count).map(move |place| ProductId(category * RANGE + place)))
    }

    /// The product with that id.
    pub(super) fn parse(id: &str) -> Option<ProductId> {
        let (category, place) = id.rsplit_once('-')?;
        let category = CATEGORIES.iter().position(|known| known.0 == category)?;
        let place = place.parse::<u16>().ok().filter(|place| *place < RANGE)?;
        Some(ProductId(u16::try_from(category).ok()? * RANGE + place))
    }

    /// The place in its category: the first are the popular ones.
    pub(super) fn place(self) -> u16 {
        self.0 % RANGE
    }

    /// A number that no other product has.
    pub(super) fn number(self) -> u64 {
        u64::from(self.0)
    }

    /// The id the shop's events give it: `shoes-017`.
    pub(super) fn id(self) -> String {
        format!("{}-{:03}", self.category(), self.0 % RANGE)
    }

    /// Its stock keeping unit: `SHO017`.
    pub(super) fn sku(self) -> String {
        format!("{}{:03}", self.category()[..3].to_uppercase(), self.0 % RANGE)
    }

    /// What it is called: `Fjord Sneaker`.
    pub(super) fn name(self) -> String {
        let nouns = CATEGORIES[usize::from(self.0 / RANGE)].3;
        format!("{} {}", self.brand(), nouns[usize::from(self.0 % RANGE) / BRANDS.len() % nouns.len()])
    }

    /// Who makes it.
    pub(super) fn brand(self) -> &'static str {
        BRANDS[usize::from(self.0 % RANGE) % BRANDS.len()]
    }

    /// Whether one buys several of it at a time.
    pub(super) fn is_staple(self) -> bool {
        matches!(self.category(), "grocery" | "beauty" | "baby")
    }

    /// Its category's id.
    pub(super) fn category(self) -> &'static str {
        category_name(u8::try_from(self.0 / RANGE).unwrap_or(0))
    }
}

/// A category's id.
pub(super) fn category_name(category: u8) -> &'static str {
    CATEGORIES[usize::from(category.min(CATEGORY_COUNT - 1))].0
}

/// What somebody types who looks for the product: its noun, in lower case.
pub(super) fn search_words(product: ProductId) -> String {
    product.name().split_once(' ').map_or_else(String::new, |(_, noun)| noun.to_lowercase())
}
