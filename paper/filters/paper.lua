-- Numbers, conditional words, figures and cross-references of the manuscript.
--
-- Under Quarto only spans and divs are resolved; embeds and cross-references are Quarto's own. Under plain Pandoc this
-- filter does both and must run before citeproc. All numbers come from ../results.json, figures and tables from the
-- executed notebooks beside the manuscript. A missing key, label or output stops the render.
--
--   []{.num key="room.name"}              the value, formatted by its unit
--   []{.num key="room.name" fmt="dec2"}   formats: int, dec1, dec2, dec3, pct, pct1, p, year, text
--   []{.num key="room.name" show="interval"}   show: value, interval (low to high), both, low, high, n, clusters, reason
--   [words]{.when key="room.name" is="a|b"}    kept if the value is one of these; also not=, above=, below=,
--   ::: {.when key=…}                          low-above=, high-below= (ends of the interval), missing="yes" or "no"

local here = pandoc.path.directory(PANDOC_SCRIPT_FILE)
local decode = pandoc.json and pandoc.json.decode or quarto.json.decode

local function read(path)
  local file = io.open(path, "rb")
  assert(file, "cannot read " .. path .. "; run `dvc repro` first")
  local text = file:read("a")
  file:close()
  return text
end

local function present(value)
  return value ~= nil and not (pandoc.json and value == pandoc.json.null) and type(value) ~= "userdata"
end

local results = decode(read(pandoc.path.join({here, "..", "results.json"})), false).results

local function result(key)
  local found = key and results[key]
  assert(found ~= nil, "no result has the key " .. tostring(key) .. "; check its spelling against paper/results.json")
  return found
end

-- Formats ---------------------------------------------------------------------------------------------------------

local function decimals(digits)
  return function(value)
    return (string.format("%." .. digits .. "f", value):gsub("^%-", "−"))
  end
end

local function thousands(value)
  local text = string.format("%.0f", value)
  repeat
    local count
    text, count = text:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return (text:gsub("^%-", "−"))
end

local formats = {
  int = thousands,
  dec1 = decimals(1),
  dec2 = decimals(2),
  dec3 = decimals(3),
  pct = function(value) return decimals(0)(100 * value) .. "%" end,
  pct1 = function(value) return decimals(1)(100 * value) .. "%" end,
  p = function(value) return value < 0.001 and "p < 0.001" or "p = " .. decimals(3)(value) end,
  text = function(value) return (tostring(value):gsub("%.0$", "")) end,
  year = function(value) return string.format("%.0f", value) end,
}

local unit_formats = {share = "pct", probability = "p", sensitivity = "pct", year = "year"}

local function default_format(found)
  local value = found.value
  if type(value) == "string" then return "text" end
  if unit_formats[found.unit] then return unit_formats[found.unit] end
  local whole = type(value) == "number" and value == math.floor(value) and not present(found.interval)
  return whole and "int" or "dec2"
end

local unavailable = "not available"

local function number(found, value, fmt)
  if not present(value) then return unavailable end
  local name = fmt or default_format(found)
  assert(name == "text" or type(value) == "number", "fmt " .. name .. " needs a number, not " .. tostring(value))
  return formats[name](value)
end

local function count(value)
  return present(value) and thousands(value) or unavailable
end

local function bound(found, which)
  return present(found.interval) and found.interval[which] or nil
end

local function interval(found, fmt)
  if not present(found.interval) then return unavailable end
  local low, high = bound(found, 1), bound(found, 2)
  low = present(low) and number(found, low, fmt) or "−∞"
  high = present(high) and number(found, high, fmt) or "∞"
  return low:gsub("%%$", "") .. " to " .. high
end

local shows = {
  value = function(found, fmt) return number(found, found.value, fmt) end,
  interval = interval,
  both = function(found, fmt)
    local value = number(found, found.value, fmt)
    return present(found.interval) and value .. " (" .. interval(found, fmt) .. ")" or value
  end,
  low = function(found, fmt) return number(found, bound(found, 1), fmt) end,
  high = function(found, fmt) return number(found, bound(found, 2), fmt) end,
  n = function(found) return count(found.n) end,
  clusters = function(found) return count(found.clusters) end,
  reason = function(found) return present(found.reason) and found.reason or "" end,
}

-- What a reader sees when the pointer rests on a number.
local function tooltip(key, found)
  local parts = {}
  if present(found.value) then
    local named = found.unit ~= "" and not unit_formats[found.unit]
    parts[1] = shows.both(found) .. (named and " " .. found.unit or "")
  else
    parts[1] = "no value: " .. shows.reason(found)
  end
  if present(found.n) then parts[#parts + 1] = "n = " .. thousands(found.n) end
  if present(found.clusters) then parts[#parts + 1] = thousands(found.clusters) .. " clusters" end
  parts[#parts + 1] = key .. ", notebook " .. found.notebook .. ", cell " .. found.cell
  if #found.tables > 0 then parts[#parts + 1] = "tables: " .. table.concat(found.tables, ", ") end
  return table.concat(parts, "; ")
end

local function number_span(span)
  local key, fmt, show = span.attributes.key, span.attributes.fmt, span.attributes.show or "value"
  local found = result(key)
  assert(shows[show], "unknown show " .. show .. " for " .. key)
  assert(not fmt or formats[fmt], "unknown fmt " .. tostring(fmt) .. " for " .. key)
  local text = shows[show](found, fmt)
  if not FORMAT:match("html") then return pandoc.Str(text) end
  -- A list of pairs, because the order of a table's names changes from run to run.
  local mark = pandoc.Attr("", {"num"}, {{"data-key", key}, {"title", tooltip(key, found)}})
  if quarto then return pandoc.Span(text, mark) end
  return pandoc.Link(text, "notebooks/" .. found.notebook .. ".html#" .. found.cell, "", mark)
end

-- Conditions --------------------------------------------------------------------------------------------------------

local function one_of(choices, value)
  for choice in choices:gmatch("[^|]+") do
    if choice == value or tonumber(choice) == value then return true end
  end
  return false
end

-- Whether a number lies above a limit (sign 1) or below it (sign -1); without a number it does neither.
local function beyond(value, limit, sign)
  local edge = tonumber(limit)
  assert(edge, "a limit is a number, not " .. limit)
  if not present(value) then return false end
  assert(type(value) == "number", "only a number lies above or below a limit, not " .. tostring(value))
  return sign * value > sign * edge
end

local conditions = {
  is = function(found, wanted) return present(found.value) and one_of(wanted, found.value) end,
  ["not"] = function(found, wanted) return not (present(found.value) and one_of(wanted, found.value)) end,
  above = function(found, limit) return beyond(found.value, limit, 1) end,
  below = function(found, limit) return beyond(found.value, limit, -1) end,
  ["low-above"] = function(found, limit) return beyond(bound(found, 1), limit, 1) end,
  ["high-below"] = function(found, limit) return beyond(bound(found, 2), limit, -1) end,
  missing = function(found, wanted)
    assert(wanted == "yes" or wanted == "no", "missing is yes or no, not " .. wanted)
    return present(found.value) == (wanted == "no")
  end,
}

local function holds(attributes)
  local found, tested, kept = result(attributes.key), 0, true
  for name, wanted in pairs(attributes) do
    if name ~= "key" then
      assert(conditions[name], "unknown condition " .. name .. " for " .. attributes.key)
      kept = conditions[name](found, wanted) and kept
      tested = tested + 1
    end
  end
  assert(tested > 0, "a .when of " .. attributes.key .. " states no condition")
  return kept
end

-- Conditions first and from the outside in: what is dropped must not be looked up.
local words
local function conditional(element)
  if not element.classes:includes("when") then return nil end
  if not holds(element.attributes) then return {}, false end
  return element.content:walk(words), false
end
words = {traverse = "topdown", Div = conditional, Span = conditional}

local numbers = {
  Span = function(span)
    if span.classes:includes("num") then return number_span(span) end
  end,
}

if quarto then return {words, numbers} end

-- Embeds (plain Pandoc) -----------------------------------------------------------------------------------------------

local notebooks = {}
local function notebook(path)
  notebooks[path] = notebooks[path] or decode(read(pandoc.path.join({here, "..", path})), false)
  return notebooks[path]
end

local function joined(text)
  return type(text) == "table" and table.concat(text) or text or ""
end

local function option(source, name)
  local text = source:match("#| " .. name:gsub("%-", "%%-") .. ": *([^\n]*)") or ""
  return (text:gsub('^"(.*)"$', "%1"):gsub("^'(.*)'$", "%1"):gsub('\\"', '"'))
end

local function labelled(path, label)
  for _, cell in ipairs(notebook(path).cells) do
    local source = joined(cell.source)
    if cell.cell_type == "code" and option(source, "label") == label then return cell, source end
  end
  assert(false, path .. " has no cell labelled " .. label)
end

local function output(cell, kind)
  for _, one in ipairs(cell.outputs) do
    if one.data and one.data[kind] then return joined(one.data[kind]) end
  end
end

local function caption(source, name)
  local blocks = pandoc.read(option(source, name), "markdown").blocks
  return blocks:walk(words):walk(numbers)
end

local function embedded_figure(path, label)
  local cell, source = labelled(path, label)
  local png = output(cell, "image/png")
  assert(png, path .. ": the cell " .. label .. " shows no figure")
  local address = "figures/" .. label .. ".svg"
  if not FORMAT:match("html") then address = "data:image/png;base64," .. png:gsub("%s", "") end
  local alt = pandoc.Inlines(option(source, "fig-alt"))
  return pandoc.Figure(pandoc.Plain(pandoc.Image(alt, address)), {long = caption(source, "fig-cap")}, pandoc.Attr(label))
end

local function embedded_table(path, label)
  local cell, source = labelled(path, label)
  local html = output(cell, "text/html")
  assert(html, path .. ": the cell " .. label .. " shows no table")
  local shown = pandoc.read(html, "html").blocks:find_if(function(block) return block.t == "Table" end)
  shown.caption = {long = caption(source, "tbl-cap")}
  shown.identifier = label
  return shown
end

local function embed(para)
  local path, label = pandoc.utils.stringify(para):match("^{{< embed (%S+)#(%S+) >}}$")
  if not path then return nil end
  return (label:match("^fig%-") and embedded_figure or embedded_table)(path, label)
end

-- A table written by hand: `::: {#tbl-x}`, the table, its caption as last paragraph.
local function hand_made(div)
  if not div.identifier:match("^tbl%-") then return nil end
  local shown, last = div.content[1], div.content[#div.content]
  shown.caption = {long = {pandoc.Plain(last.content)}}
  shown.identifier = div.identifier
  return shown
end

-- Numbers of figures, tables and sections, and references to them -----------------------------------------------------

local names = {fig = "Figure", tbl = "Table", sec = "Section", eq = "Equation"}
local labels, counts = {}, {fig = 0, tbl = 0}

local function numbered(kind)
  return function(block)
    if not block.identifier:match("^" .. kind .. "%-") then return nil end
    counts[kind] = counts[kind] + 1
    labels[block.identifier] = tostring(counts[kind])
    local long = block.caption.long
    local first = long[1] and long[1].content or pandoc.Inlines({})
    local name = pandoc.Strong(names[kind] .. " " .. counts[kind] .. ". ")
    block.caption = {long = {pandoc.Plain({name, table.unpack(first)})}}
    return kind == "tbl" and pandoc.Div(block, {class = "scroll"}) or block
  end
end

local function section_numbers(blocks)
  local levels = {}
  for _, block in ipairs(blocks) do
    if block.t == "Header" and not block.classes:includes("unnumbered") then
      for level = #levels + 1, block.level do levels[level] = 0 end
      for level = #levels, block.level + 1, -1 do levels[level] = nil end
      levels[block.level] = levels[block.level] + 1
      if block.identifier ~= "" then labels[block.identifier] = table.concat(levels, ".") end
    end
  end
end

local function reference(citation)
  local kind = citation.id:match("^(%a+)%-")
  if not names[kind] then return nil end
  assert(labels[citation.id], "no figure, table or section is labelled " .. citation.id)
  assert(#citation.suffix == 0, "words after " .. citation.id .. " in a reference would be lost; move them out of it")
  local prefix = pandoc.utils.stringify(citation.prefix)
  if prefix == "" and citation.mode ~= "SuppressAuthor" then prefix = names[kind] end
  local text = (prefix == "" and "" or prefix .. "\u{a0}") .. labels[citation.id]
  return pandoc.Link(text, "#" .. citation.id, "", pandoc.Attr("", {"ref"}))
end

local function references(cite)
  local links = pandoc.Inlines({})
  for _, citation in ipairs(cite.citations) do
    local link = reference(citation)
    if not link then return nil end
    if #links > 0 then links:extend({pandoc.Str(","), pandoc.Space()}) end
    links:insert(link)
  end
  return links
end

-- Pandoc's own templates want plain names of authors.
local function author_names(meta)
  if not meta.author then return nil end
  local plain = pandoc.List()
  for _, author in ipairs(meta.author) do
    plain:insert(type(author) == "table" and author.name and pandoc.utils.stringify(author.name) or author)
  end
  meta.author = pandoc.MetaList(plain)
  return meta
end

return {
  words,
  numbers,
  {Meta = author_names, Para = embed, Div = hand_made},
  {Figure = numbered("fig"), Table = numbered("tbl"), Pandoc = function(doc) section_numbers(doc.blocks) end},
  {Cite = references},
}
