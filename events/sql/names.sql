-- Rules for event types, names and reasons: the texts that people read. The same rules as in
-- events/format/names.py, independent of the database's locale; tests compare the two for every character.

-- The characters that no such text may hold, as a class of a regular expression: control characters,
-- blanks other than U+0020, characters that change the writing direction, and characters drawn as nothing.
CREATE FUNCTION unseen_characters() RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '[\x01-\x1f\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f'
        '\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff'
        '\U00013430-\U00013442\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a'
        '\U000e0000-\U000e0fff]';

-- One line of visible text without blanks at its ends: the rule for an event type.
CREATE FUNCTION is_text(text TEXT, most INTEGER) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN char_length(text) >= 1 AND char_length(text) <= most
    AND text !~ unseen_characters() AND text = btrim(text, ' ');

-- A text in Unicode's form NFC: the rule for a reason.
CREATE FUNCTION is_reason(text TEXT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN is_text(text, 2000) AND text IS NFC NORMALIZED;

-- A text in NFC without two blanks in a row: the rule for the name of a person or an agent.
CREATE FUNCTION is_name(text TEXT) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN is_text(text, 200) AND text IS NFC NORMALIZED AND strpos(text, '  ') = 0;

-- Makes any text valid as a reason or a name of at most `most` characters. Unseen characters become U+FFFD.
CREATE FUNCTION shown_text(given TEXT, most INTEGER) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN btrim(left(regexp_replace(regexp_replace(
        normalize(given, NFC), unseen_characters(), U&'\FFFD', 'g'), ' +', ' ', 'g'), most), ' ');

-- The key by which two names count as one person's: form NFKD in capitals. The mapping is written out
-- because upper() depends on the locale and on the version of Unicode.
CREATE FUNCTION name_fold(name TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN replace(replace(translate(normalize(name, NFKD),
        'abcdefghijklmnopqrstuvwxyzæðøþđħıłŋœŧƀƃƅƈƌƒƕƙƚƞƣƥƨƭƴƶƹƽƿǝǥȝȣ'
        'ȥȼȿɀɂɇɉɋɍɏɐɑɒɓɔɖɗəɛɜɠɡɣɥɦɨɩɪɫɬɯɱɲɵɽʀʂʃʇʈʉʊʋʌʒʝʞͅͱͳͷͻͼͽαβγδεζ'
        'ηθικλμνξοπρςστυφχψωϗϙϛϝϟϡϣϥϧϩϫϭϯϳϸϻабвгдежзиклмнопрстуфхцчшщ'
        'ъыьэюяђєѕіјљњћџѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӄӆ'
        'ӈӊӌӎӏӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշ'
        'ոչպջռսվտրցւփքօֆაბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰჱჲჳჴჵჶჷჸჹჺჽჾ'
        'ჿᏸᏹᏺᏻᏼᏽᲀᲁᲂᲃᲄᲅᲆᲇᲈᵹᵽᶎỻỽỿⅎↄⰰⰱⰲⰳⰴⰵⰶⰷⰸⰹⰺⰻⰼⰽⰾⰿⱀⱁⱂⱃⱄⱅⱆⱇⱈⱉⱊⱋⱌⱍⱎⱏⱐⱑⱒⱓ'
        'ⱔⱕⱖⱗⱘⱙⱚⱛⱜⱝⱞⱟⱡⱥⱦⱨⱪⱬⱳⱶⲁⲃⲅⲇⲉⲋⲍⲏⲑⲓⲕⲗⲙⲛⲝⲟⲡⲣⲥⲧⲩⲫⲭⲯⲱⲳⲵⲷⲹⲻⲽⲿⳁⳃⳅⳇⳉⳋⳍⳏ'
        'ⳑⳓⳕⳗⳙⳛⳝⳟⳡⳣⳬⳮⳳⴀⴁⴂⴃⴄⴅⴆⴇⴈⴉⴊⴋⴌⴍⴎⴏⴐⴑⴒⴓⴔⴕⴖⴗⴘⴙⴚⴛⴜⴝⴞⴟⴠⴡⴢⴣⴤⴥⴧⴭꙁꙃꙅꙇꙉꙋꙍ'
        'ꙏꙑꙓꙕꙗꙙꙛꙝꙟꙡꙣꙥꙧꙩꙫꙭꚁꚃꚅꚇꚉꚋꚍꚏꚑꚓꚕꚗꚙꚛꜣꜥꜧꜩꜫꜭꜯꜳꜵꜷꜹꜻꜽꜿꝁꝃꝅꝇꝉꝋꝍꝏꝑꝓꝕꝗꝙꝛꝝꝟ'
        'ꝡꝣꝥꝧꝩꝫꝭꝯꝺꝼꝿꞁꞃꞅꞇꞌꞑꞓꞔꞗꞙꞛꞝꞟꞡꞣꞥꞧꞩꞵꞷꞹꞻꞽꞿꟁꟃꟈꟊꟑꟗꟙꟶꭓꭰꭱꭲꭳꭴꭵꭶꭷꭸꭹꭺꭻꭼꭽꭾꭿ'
        'ꮀꮁꮂꮃꮄꮅꮆꮇꮈꮉꮊꮋꮌꮍꮎꮏꮐꮑꮒꮓꮔꮕꮖꮗꮘꮙꮚꮛꮜꮝꮞꮟꮠꮡꮢꮣꮤꮥꮦꮧꮨꮩꮪꮫꮬꮭꮮꮯꮰꮱꮲꮳꮴꮵꮶꮷꮸꮹꮺꮻ'
        'ꮼꮽꮾꮿ𐐨𐐩𐐪𐐫𐐬𐐭𐐮𐐯𐐰𐐱𐐲𐐳𐐴𐐵𐐶𐐷𐐸𐐹𐐺𐐻𐐼𐐽𐐾𐐿𐑀𐑁𐑂𐑃𐑄𐑅𐑆𐑇𐑈𐑉𐑊𐑋𐑌𐑍𐑎𐑏𐓘𐓙𐓚𐓛𐓜𐓝𐓞𐓟𐓠𐓡𐓢𐓣𐓤𐓥𐓦𐓧'
        '𐓨𐓩𐓪𐓫𐓬𐓭𐓮𐓯𐓰𐓱𐓲𐓳𐓴𐓵𐓶𐓷𐓸𐓹𐓺𐓻𐖗𐖘𐖙𐖚𐖛𐖜𐖝𐖞𐖟𐖠𐖡𐖣𐖤𐖥𐖦𐖧𐖨𐖩𐖪𐖫𐖬𐖭𐖮𐖯𐖰𐖱𐖳𐖴𐖵𐖶𐖷𐖸𐖹𐖻𐖼𐳀𐳁𐳂𐳃𐳄'
        '𐳅𐳆𐳇𐳈𐳉𐳊𐳋𐳌𐳍𐳎𐳏𐳐𐳑𐳒𐳓𐳔𐳕𐳖𐳗𐳘𐳙𐳚𐳛𐳜𐳝𐳞𐳟𐳠𐳡𐳢𐳣𐳤𐳥𐳦𐳧𐳨𐳩𐳪𐳫𐳬𐳭𐳮𐳯𐳰𐳱𐳲𑣀𑣁𑣂𑣃𑣄𑣅𑣆𑣇𑣈𑣉𑣊𑣋𑣌𑣍'
        '𑣎𑣏𑣐𑣑𑣒𑣓𑣔𑣕𑣖𑣗𑣘𑣙𑣚𑣛𑣜𑣝𑣞𑣟𖹠𖹡𖹢𖹣𖹤𖹥𖹦𖹧𖹨𖹩𖹪𖹫𖹬𖹭𖹮𖹯𖹰𖹱𖹲𖹳𖹴𖹵𖹶𖹷𖹸𖹹𖹺𖹻𖹼𖹽𖹾𖹿𞤢𞤣𞤤𞤥𞤦𞤧𞤨𞤩𞤪𞤫'
        '𞤬𞤭𞤮𞤯𞤰𞤱𞤲𞤳𞤴𞤵𞤶𞤷𞤸𞤹𞤺𞤻𞤼𞤽𞤾𞤿𞥀𞥁𞥂𞥃',
        'ABCDEFGHIJKLMNOPQRSTUVWXYZÆÐØÞĐĦIŁŊŒŦɃƂƄƇƋƑǶƘȽȠƢƤƧƬƳƵƸƼǷƎǤȜȢ'
        'ȤȻⱾⱿɁɆɈɊɌɎⱯⱭⱰƁƆƉƊƏƐꞫƓꞬƔꞍꞪƗƖꞮⱢꞭƜⱮƝƟⱤƦꟅƩꞱƮɄƱƲɅƷꞲꞰΙͰͲͶϽϾϿΑΒΓΔΕΖ'
        'ΗΘΙΚΛΜΝΞΟΠΡΣΣΤΥΦΧΨΩϏϘϚϜϞϠϢϤϦϨϪϬϮͿϷϺАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩ'
        'ЪЫЬЭЮЯЂЄЅІЈЉЊЋЏѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӃӅ'
        'ӇӉӋӍӀӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇ'
        'ՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖᲐᲑᲒᲓᲔᲕᲖᲗᲘᲙᲚᲛᲜᲝᲞᲟᲠᲡᲢᲣᲤᲥᲦᲧᲨᲩᲪᲫᲬᲭᲮᲯᲰᲱᲲᲳᲴᲵᲶᲷᲸᲹᲺᲽᲾ'
        'ᲿᏰᏱᏲᏳᏴᏵВДОСТТЪѢꙊꝽⱣꟆỺỼỾℲↃⰀⰁⰂⰃⰄⰅⰆⰇⰈⰉⰊⰋⰌⰍⰎⰏⰐⰑⰒⰓⰔⰕⰖⰗⰘⰙⰚⰛⰜⰝⰞⰟⰠⰡⰢⰣ'
        'ⰤⰥⰦⰧⰨⰩⰪⰫⰬⰭⰮⰯⱠȺȾⱧⱩⱫⱲⱵⲀⲂⲄⲆⲈⲊⲌⲎⲐⲒⲔⲖⲘⲚⲜⲞⲠⲢⲤⲦⲨⲪⲬⲮⲰⲲⲴⲶⲸⲺⲼⲾⳀⳂⳄⳆⳈⳊⳌⳎ'
        'ⳐⳒⳔⳖⳘⳚⳜⳞⳠⳢⳫⳭⳲႠႡႢႣႤႥႦႧႨႩႪႫႬႭႮႯႰႱႲႳႴႵႶႷႸႹႺႻႼႽႾႿჀჁჂჃჄჅჇჍꙀꙂꙄꙆꙈꙊꙌ'
        'ꙎꙐꙒꙔꙖꙘꙚꙜꙞꙠꙢꙤꙦꙨꙪꙬꚀꚂꚄꚆꚈꚊꚌꚎꚐꚒꚔꚖꚘꚚꜢꜤꜦꜨꜪꜬꜮꜲꜴꜶꜸꜺꜼꜾꝀꝂꝄꝆꝈꝊꝌꝎꝐꝒꝔꝖꝘꝚꝜꝞ'
        'ꝠꝢꝤꝦꝨꝪꝬꝮꝹꝻꝾꞀꞂꞄꞆꞋꞐꞒꟄꞖꞘꞚꞜꞞꞠꞢꞤꞦꞨꞴꞶꞸꞺꞼꞾꟀꟂꟇꟉꟐꟖꟘꟵꞳᎠᎡᎢᎣᎤᎥᎦᎧᎨᎩᎪᎫᎬᎭᎮᎯ'
        'ᎰᎱᎲᎳᎴᎵᎶᎷᎸᎹᎺᎻᎼᎽᎾᎿᏀᏁᏂᏃᏄᏅᏆᏇᏈᏉᏊᏋᏌᏍᏎᏏᏐᏑᏒᏓᏔᏕᏖᏗᏘᏙᏚᏛᏜᏝᏞᏟᏠᏡᏢᏣᏤᏥᏦᏧᏨᏩᏪᏫ'
        'ᏬᏭᏮᏯ𐐀𐐁𐐂𐐃𐐄𐐅𐐆𐐇𐐈𐐉𐐊𐐋𐐌𐐍𐐎𐐏𐐐𐐑𐐒𐐓𐐔𐐕𐐖𐐗𐐘𐐙𐐚𐐛𐐜𐐝𐐞𐐟𐐠𐐡𐐢𐐣𐐤𐐥𐐦𐐧𐒰𐒱𐒲𐒳𐒴𐒵𐒶𐒷𐒸𐒹𐒺𐒻𐒼𐒽𐒾𐒿'
        '𐓀𐓁𐓂𐓃𐓄𐓅𐓆𐓇𐓈𐓉𐓊𐓋𐓌𐓍𐓎𐓏𐓐𐓑𐓒𐓓𐕰𐕱𐕲𐕳𐕴𐕵𐕶𐕷𐕸𐕹𐕺𐕼𐕽𐕾𐕿𐖀𐖁𐖂𐖃𐖄𐖅𐖆𐖇𐖈𐖉𐖊𐖌𐖍𐖎𐖏𐖐𐖑𐖒𐖔𐖕𐲀𐲁𐲂𐲃𐲄'
        '𐲅𐲆𐲇𐲈𐲉𐲊𐲋𐲌𐲍𐲎𐲏𐲐𐲑𐲒𐲓𐲔𐲕𐲖𐲗𐲘𐲙𐲚𐲛𐲜𐲝𐲞𐲟𐲠𐲡𐲢𐲣𐲤𐲥𐲦𐲧𐲨𐲩𐲪𐲫𐲬𐲭𐲮𐲯𐲰𐲱𐲲𑢠𑢡𑢢𑢣𑢤𑢥𑢦𑢧𑢨𑢩𑢪𑢫𑢬𑢭'
        '𑢮𑢯𑢰𑢱𑢲𑢳𑢴𑢵𑢶𑢷𑢸𑢹𑢺𑢻𑢼𑢽𑢾𑢿𖹀𖹁𖹂𖹃𖹄𖹅𖹆𖹇𖹈𖹉𖹊𖹋𖹌𖹍𖹎𖹏𖹐𖹑𖹒𖹓𖹔𖹕𖹖𖹗𖹘𖹙𖹚𖹛𖹜𖹝𖹞𖹟𞤀𞤁𞤂𞤃𞤄𞤅𞤆𞤇𞤈𞤉'
        '𞤊𞤋𞤌𞤍𞤎𞤏𞤐𞤑𞤒𞤓𞤔𞤕𞤖𞤗𞤘𞤙𞤚𞤛𞤜𞤝𞤞𞤟𞤠𞤡'),
    'ß', 'SS'), 'ẞ', 'SS');

-- Replaces characters of other scripts by the Latin letter that they look like, as far as `ceremony.`,
-- `system.` and `sequence.` have it.
CREATE FUNCTION latin_shape(text TEXT) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN translate(text,
        'СсϹϲᴄᏟꮯꓚⲤⲥ𐌂𐐽🝌𑣲𑣩𐊢𐐕𐔜ЕеЄєҽΕᎬꬲ℮ⴹꓰⲈⲉᴇ⋿𑢦𑢮𐊆ꭼМмΜᎷꓟⲘⲙᴍϺϻᗰᛖ𐊰𐌑𑣣ꮇΝηпոռꓠⲚ'
        'ⲛɴ𐔓ОоΟοՕօᴏⲞⲟჿ0೦൦๐໐०০੦૦୦௦౦၀០ഠဝଠסه٥۵ꓳⵔ𐐄𐐬〇𑓐𑣠ዐ𐓂𑢵𐊒𐊫𐔖ంಂംංᴑꬽσ𐓪𑣈𑣗Ԛԛգ'
        'զⵕгᴦꭇꭈⲅꮁʀᎡꓣƦ𝈖Ꮢꮢꭱ𐒴ᖇ𖼵ЅѕꜱՏƽꓢᏚꮪ𐑈𐐠𑣁Ꮥꮥ𖼺𐊖ТтΤτᴛᎢꓔⲦⲧ⊤⟙🝨𖼊𑢼𐊗𐊱𐌕ꭲυսՍᴜꭎꭒሀꓴ'
        '⋃∪μ𐓎ᑌ𖽂𑢸ꞟʋ𐓶𑣘УуҮүΥγʏყꓬỿᎽɣⲨᶌꭚ𑣜Ꭹꭹꮍ𖽃𑢤𐊲。·‧∙⋅•ꓸ٠۰𐩐܁܂꘎𝅭・᛫⸱⸳॰․．｡˙ꞏᐧ𐄁𐤟'
        'ꓺ⡀⠄⦁⒞⒠⒨⒩⒪⒬⒭⒮⒯⒰⒴🄒🄔🄜🄝🄞🄠🄡🄢🄣🄤🄨🅒🅔🅜🅝🅞🅠🅡🅢🅣🅤🅨🅲🅴🅼🅽🅾🆀🆁🆂🆃🆄🆈🇨🇪🇲🇳🇴🇶🇷🇸🇹🇺🇾',
        'cccccccccccccccccceeeeeeeeeeeeeeeeeeemmmmmmmmmmmmmmmmnnnnnnn'
        'nnnooooooooooooooooooooooooooooooooooooooooooooooooooooooqqq'
        'qqrrrrrrrrrrrrrrrrrsssssssssssssssttttttttttttttttttuuuuuuuu'
        'uuuuuuuuuuuyyyyyyyyyyyyyyyyyyyyyy...........................'
        '....cemnoqrstuycemnoqrstuycemnoqrstuycemnoqrstuycemnoqrstuy');

-- Tells whether an event type is one that only the ledger writes, or looks like one. An ASCII type,
-- which nearly all are, takes a shorter way.
-- In PL/pgSQL, because a function in SQL would be inlined into the constraint with the tables above:
-- parsing those again for each statement took longer than the append.
CREATE FUNCTION imitates_system(event_type TEXT) RETURNS BOOLEAN
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    is_ascii CONSTANT BOOLEAN := octet_length(event_type) = char_length(event_type);
    head TEXT := replace(event_type, ' ', '');
BEGIN
    IF is_ascii THEN
        head := upper(translate(left(head, 12), '0', 'o') COLLATE "C");
    ELSE
        head := public.latin_shape(normalize(public.latin_shape(head), NFKC));
        head := public.name_fold(regexp_replace(head,
            '[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20f0\ufe20-\ufe2f]', '', 'g'));
    END IF;
    head := replace(replace(head, ' ', ''), 'RN', 'M');
    IF head !~ '^(CEREMONY|SYSTEM|SEQUENCE)\.' THEN
        RETURN false;
    END IF;
    -- The types that the ledger writes, with look-alike letters unified: 0 is O; L, 1 and | are I;
    -- RN is M; VV is W. Every type that begins with CEREMONY is refused.
    RETURN NOT is_ascii OR head ~ '^CEREMONY\.' OR replace(replace(
            translate(upper(replace(event_type, ' ', '') COLLATE "C"), '01L|', 'OIII'), 'RN', 'M'), 'VV', 'W') = ANY ('{
        SEQUENCE.GAP_DETECTED, SYSTEM.CHAIN_BROKEN, SYSTEM.DRIFT_THRESHOID_SET, SYSTEM.FINDING_CIOSED, SYSTEM.FORK_DETECTED, SYSTEM.GUARDS_CHANGED,
        SYSTEM.GUARDS_RESTORED, SYSTEM.HAITED, SYSTEM.HEAD_MISMATCH, SYSTEM.IMPORT_FINISHED, SYSTEM.IMPORT_STARTED,
        SYSTEM.KEY_REGISTERED, SYSTEM.KEY_RETIRED, SYSTEM.IEDGER_OPENED,
        SYSTEM.PERSON_REGISTERED, SYSTEM.ROIIBACK_DETECTED, SYSTEM.STRAY_ROW, SYSTEM.VERIFICATION_OVERDUE}');
END
$$;
