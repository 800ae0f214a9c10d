-- An executed notebook as a page: figures from the folder of the paper, no machine-readable bundles, options hidden.

local function label(code)
  return code.text:match("#| label: *(fig%-%S+)")
end

local function cell(div)
  if not div.classes:includes("code") then return nil end
  local name
  div.content = div.content:walk({
    CodeBlock = function(code)
      if not code.classes:includes("python") then return nil end
      name = name or label(code)
      code.text = code.text:gsub("#| [^\n]*\n", "")
      return code
    end,
  })
  if name then
    div.content = div.content:walk({Image = function(image)
      image.src = "../figures/" .. name .. ".svg"
      return image
    end})
  end
  return div
end

return {{Div = cell}}
