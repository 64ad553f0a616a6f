exec(open('/tmp/ed.py').read())
ed('docs/rules.md',
('| `[[partners]]` | who is told','| `[[picks]]` | what to offer to a user; one heading for each ([Picks](#picks-picks)) | none |\n| `[[partners]]` | who is told'),
('## Goals: `[[goals]]`\n','''## Picks: `[[picks]]`

What to offer to a user: what users like it went on to, what is bought together, what most users touch, what the user comes back to. So far lists are tried on past events, by
`rekindle picks evaluate`; actions cannot bear them yet.

```toml
[events]
view = "Product Viewed"
line = { event = "Order Completed", each = "products" }

[[picks]]
id = "rebuy"
on = ["line"]
item = "product_id"
kind = "again"
every = "day"
window = "365d"
gap = "0s"

[[picks]]
id = "for_you"
on = ["view"]
item = "product_id"
kinds = ["session", "rebuy", "popular"]
every = "hour"
without = ["line"]
```

| key | meaning | default |
|---|---|---|
| `id` | its name | required |
| `on` | the names whose matches are *touches* | required |
| `item` | the property of the matches that is the item: a text of 1 to 256 bytes, or a whole number | required |
| `kinds` | what is offered, one after the other: kinds, or ids of picks above; `kind` for one | required |
| `every` | when an index is made of all that arrived until then, which stands until the next: `"hour"` or `"day"` (in the rules' `timezone`) | required |
| `window` | what the index looks back over | `"30d"` |
| `gap` | how far apart two touches of one session of a user may be; `"0s"`: every order is a session | `"30m"` |
| `without` | what the user has matches of these names of is not offered | nothing |
| `last` | how many items of the user's current session are asked about, the one touched latest first; 1 to 9 | 4 |
| `near` | how many sessions like it are looked at | 100 |
| `sessions` | how many sessions of an item are looked at, those that began last | 500 |
| `own` | how many items of a user are kept, those touched last | 1,000 |
| `description` | a line for people | none |

| kind | what it offers |
|---|---|
| `session` | what the sessions most like the current one have, rare items more than common ones (Serenade's VMIS-kNN) |
| `together` | what is in sessions with its items, by the cosine of the two items' sessions |
| `popular` | what most users touched |
| `again` | what the user touches time and again, less right after and long after it was due, and more if others come back to it |

Scores are in [semantics.md](semantics.md), §20. A session keeps its first 50 items, a user the latest 20 times of an item, and the last 10,000,000 sessions are kept. At most 32 lists.

`rekindle picks evaluate --rules rules.toml --picks for_you --of view --at 10 --from 2026-10-01 events.jsonl` asks for the list right before each event of the name from that time on, and prints how
often it had what the event has (`hr`), how far up (`mrr`), and how much of what came within the session (`recall`, `precision`, `ndcg`), how popular it was, and which part of all items was ever
offered (`coverage`). With `--in-session` only events that join a session are measured.

## Goals: `[[goals]]`
'''))
ed('docs/semantics.md',('## 21. Consent, and partners\n','''## 20. Picks: what to offer

Built are the rules, the scores but `similar`, and `rekindle picks evaluate`; not `picks('id', n)`, `table`, `where` and `by`.

- **Touches**: matches of `on` with an item, as they arrive. One whose `ts` is at most `gap` from the latest in the user's current session joins it; any other begins a new one. A session keeps its first 50 distinct items. A user keeps the `own` distinct items touched last (what falls out is forgotten), of each the latest 20 distinct times; of `without`, the last `own` items likewise.
  Merging unites these; the visitor's sessions become the user's as they are; the one with the later latest `ts` is current (of equals, the user's).
- **A taking** (when the watermark reaches the beginning of an hour or day; the first watermark is none) makes the index that stands until the next, from all that arrived until then, of the users who are there then. Before the first it is empty. Of the last 10,000,000 sessions to begin, anyone's, in the order of the log, it holds those whose first touch is in `window` (§4). For an item i: n(i) = how many hold it, L(i) = the `sessions` of these that began last; u(i) = users whose latest touch of i is in `window`, r(i) = those of them who keep several times of it.
- **Seeds** e_1 … e_l: the `last` distinct items of the user's current session, however old, latest touched first.
- **Scores** of an item j, in millionths, reckoned from left to right:
  - `session`: a session in L(e_p) for some p, but not the user's current one, has a = Σ (l - p + 1) over these p, and b = 10 - the least. Of the `near` with the largest a (of equals, those that began last), over those with j: ln(Σ n / n(j)) · Σ a·b / (10 l), Σ n being over all items, ln in doubles, then to a millionth.
  - `together`: Σ over p of c / (p · sqrt(|L(e_p)| · (n(j) + 10))), c = sessions of L(e_p) with j, j not e_p; each term cut to a millionth from its exact value.
  - `popular`: u(j).
  - `again`, of the items that the user keeps: w · ((5 + k·d) / (5 + k)) · (r(j) + 1) / (u(j) + 4), k = its times t, w = Σ 60d / (60d + (now - t)). d = 1 if k = 1, else the least of 1, 1/2 + q, 3 / q (q above 0), q = (now - latest t) / ((latest - earliest) / (k - 1), cut to a whole millisecond).
- **A list** takes kind by kind, each by score, then u, both larger first, then item (bytes), the first 1,000 above 0. Taken, until there are n, is what is not taken yet, not e_1 (but in `popular`, `again`), and not in `without`. An id in `kinds` stands for its own list of 1,000.
- **`rekindle picks evaluate --rules R --picks ID --of NAME --at k --from T EVENTS`** replays; between steps 1 and 2 (§3) of each event with `ts >= T` and items of NAME, it takes the user's list of k (`--in-session`: only of events that join a session). X = the event's items, Y = those and the items of the user's later NAMEs while each is at most `gap` after the one before. Means over all these events, an empty list being 0: hr (X is met), mrr (1 / rank of the first in X), recall (hits of Y / |Y|), precision (hits of Y / k), ndcg (Σ 1 / log2(rank + 1) over hits of Y / that sum over ranks 1 to min(k, |Y|)), popularity (mean u / largest u in the index that stood; 0 without). coverage = distinct items listed / distinct items of all touches.

## 21. Consent, and partners
'''),
('Of the design, sections 17 to 20 (groups, tables, ranks, recommendations) are not implemented;','Of the design, sections 17 to 19 (groups, tables, ranks) and parts of section 20 are not implemented;'))
ed('CHANGELOG.md',('### Added\n\n','''### Added

- `[[picks]]`, what to offer (what sessions like this one went on to, together, popular, due again), and `rekindle picks evaluate`, which tries them on past events.
'''))
