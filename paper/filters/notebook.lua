-- An executed notebook as a page: a way back to the article, figures from its folder, captions, cell options hidden.

local function options(source)
  local found = {}
  for name, text in source:gmatch("#| ([%w-]+): *([^\n]*)") do
    found[name] = text:gsub('^"(.*)"$', "%1"):gsub('\\"', '"')
  end
  return found
end

local function caption(text)
  return {long = pandoc.read(text or "", "markdown").blocks}
end

local function described(said)
  return {
    Para = function(para)
      local image = para.content[1]
      if not image or image.t ~= "Image" then return nil end
      image.src, image.caption = "../figures/" .. said.label .. ".svg", pandoc.Inlines(said["fig-alt"])
      return pandoc.Figure(pandoc.Plain(image), caption(said["fig-cap"]))
    end,
    RawBlock = function(raw)
      local shown = pandoc.read(raw.text, raw.format).blocks:find_if(function(block) return block.t == "Table" end)
      if not shown then return nil end
      shown.caption = caption(said["tbl-cap"])
      return pandoc.Div(shown, {class = "scroll"})
    end,
  }
end

local function cell(div)
  if not div.classes:includes("code") then return nil end
  local said = {}
  div = div:walk({
    CodeBlock = function(code)
      if not code.classes:includes("python") then return nil end
      said = options(code.text)
      code.text = code.text:gsub("#| [^\n]*\n", "")
      return code
    end,
  })
  return said.label and div:walk(described(said)) or div
end

-- Anchors are ids of cells; a heading of the same name must not come between.
local function heading(header)
  header.identifier = "section-" .. header.identifier
  return header
end

local function way_back(doc)
  doc.blocks:insert(1, pandoc.Div(pandoc.Link("Back to the article", "../index.html"), {class = "back"}))
  return doc
end

return {{Div = cell, Header = heading, Pandoc = way_back}}
